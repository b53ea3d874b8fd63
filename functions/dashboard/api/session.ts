/**
 * Who is signed in. The cookie is the server's business; this side holds the role and the token against forged
 * requests.
 */
import { type QueryClient, useQuery } from '@tanstack/react-query'
import type { GetDashboardSessionResponse } from '../../../types/api.ts'
import { call } from './call.ts'
import { setCsrfToken } from './send.ts'

export type SessionState = GetDashboardSessionResponse

export const SESSION_KEY = ['session']
const RENEW_EVERY_MS = 10 * 60 * 1000

async function readSession(): Promise<SessionState> {
  const state = await call('getDashboardSession', {})
  setCsrfToken(state.session?.csrfToken ?? null)
  return state
}

export function useSession() {
  return useQuery({
    queryKey: SESSION_KEY,
    queryFn: readSession,
    staleTime: RENEW_EVERY_MS,
    refetchInterval: RENEW_EVERY_MS,
    refetchOnWindowFocus: 'always',
    gcTime: Number.POSITIVE_INFINITY,
  })
}

/** Exchanges a key, a token or the code of a login link for a session. */
export async function signIn(client: QueryClient, given: { key: string } | { code: string }): Promise<void> {
  await call('signInToDashboard', { body: given })
  client.setQueryData(SESSION_KEY, await readSession())
}

export async function signOut(client: QueryClient): Promise<void> {
  await call('signOutOfDashboard', {})
  forget(client, false)
}

/** Forgets the session that the server no longer knows; what it had shown is forgotten as well. */
export const endSession = (client: QueryClient) => forget(client, true)

function forget(client: QueryClient, hasExpired: boolean): void {
  setCsrfToken(null)
  client.setQueryData<SessionState>(SESSION_KEY, (state) =>
    state?.session ? { ...state, session: null, hasExpired } : state,
  )
  client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== SESSION_KEY[0] })
}
