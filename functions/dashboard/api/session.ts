/** Who is signed in. The cookie is the server's business; this side holds the role and the token against forged requests. */
import { type QueryClient, useQuery } from '@tanstack/react-query'
import { SESSION_ADDRESS } from './place.ts'
import { send, setCsrfToken } from './send.ts'

export type Session = {
  role: 'admin' | 'reader'
  expiresAt: string
  csrfToken: string
  signedInWith: 'key' | 'token' | 'link'
}

export type SessionState = {
  session: Session | null
  version: string
  canSignIn: boolean
  problem?: string | null
  /** True once a session was there and ended. */
  hasEnded?: boolean
}

export const SESSION_KEY = ['session']
const RENEW_EVERY_MS = 10 * 60 * 1000

async function readSession(): Promise<SessionState> {
  const state = (await send(SESSION_ADDRESS)) as SessionState
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
  await send(SESSION_ADDRESS, { method: 'POST', body: given })
  client.setQueryData(SESSION_KEY, await readSession())
}

export async function signOut(client: QueryClient): Promise<void> {
  await send(SESSION_ADDRESS, { method: 'DELETE' })
  forget(client, false)
}

/** Forgets the session that the server no longer knows; what it had shown is forgotten as well. */
export const endSession = (client: QueryClient) => forget(client, true)

function forget(client: QueryClient, hasEnded: boolean): void {
  setCsrfToken(null)
  client.setQueryData<SessionState>(SESSION_KEY, (state) =>
    state?.session ? { ...state, session: null, hasEnded } : state,
  )
  client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== SESSION_KEY[0] })
}
