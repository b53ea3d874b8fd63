import { useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useEffect, useState } from 'react'
import { type SessionState, signIn, useSession } from '../api/session.ts'
import { texts } from '../texts.ts'
import { ErrorNote } from '../ui/note.tsx'
import { ConnectionBanner } from './connection-banner.tsx'
import { Role } from './role.tsx'
import { SignIn } from './sign-in.tsx'

/** Shows the pages to who is signed in, and else the form that signs in. */
export function Gate({ loginCode, children }: { loginCode: string | null; children: ReactNode }) {
  const { data, error, refetch } = useSession()
  const link = useLoginLink(loginCode)
  if (link.isPending) return <Waiting text={texts.signIn.link} />
  if (data === undefined && error) {
    return (
      <div className="min-h-dvh">
        <ConnectionBanner />
        <main className="mx-auto max-w-md px-5 py-16">
          <ErrorNote error={error} onRetry={() => void refetch()} />
        </main>
      </div>
    )
  }
  if (data === undefined) return <Waiting text={texts.common.loading} />
  if (!hasSession(data)) return <SignIn state={data} error={link.error} />
  return <Role mayChange={data.session?.role === 'admin'}>{children}</Role>
}

const hasSession = ({ session }: SessionState) => session?.role === 'admin' || session?.role === 'reader'

const Waiting = ({ text }: { text: string }) => (
  <main role="status" className="grid min-h-dvh place-items-center text-muted text-sm">
    <h1 className="sr-only">{texts.common.product}</h1>
    {text}
  </main>
)

/** Exchanges the code of a login link, once. */
function useLoginLink(code: string | null): { isPending: boolean; error: unknown } {
  const client = useQueryClient()
  const [state, setState] = useState<{ isPending: boolean; error: unknown }>({
    isPending: code !== null,
    error: undefined,
  })
  useEffect(() => {
    if (code === null) return
    signIn(client, { code }).then(
      () => setState({ isPending: false, error: undefined }),
      (error) => setState({ isPending: false, error }),
    )
  }, [code, client])
  return state
}
