import { useQueryClient } from '@tanstack/react-query'
import { Eye, EyeOff } from 'lucide-react'
import { type FormEvent, useEffect, useState } from 'react'
import { isFailure } from '../api/failure.ts'
import { type SessionState, signIn } from '../api/session.ts'
import { texts } from '../texts.ts'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/field.tsx'
import { IconButton } from '../ui/icon-button.tsx'
import { ErrorNote, Note } from '../ui/note.tsx'
import { ConnectionBanner } from './connection-banner.tsx'
import { Mark } from './mark.tsx'

/**
 * Stands in the place of every page while nobody is signed in. The address stays, so that signing in leads back to it.
 */
export function SignIn({ state, error }: { state: SessionState; error?: unknown }) {
  useEffect(() => {
    document.title = texts.common.tabTitle(texts.signIn.title)
  }, [])
  return (
    <div className="flex min-h-dvh flex-col">
      <ConnectionBanner />
      <main className="m-auto flex w-full max-w-md flex-col gap-6 px-5 py-12">
        <div className="flex items-center gap-3">
          <Mark />
          <span className="font-semibold text-lg tracking-tight">{texts.common.product}</span>
        </div>
        <div className="rounded-2xl border border-line bg-surface p-6 shadow-card">
          <h1 className="font-semibold text-xl tracking-tight">{texts.signIn.title}</h1>
          <p className="mt-1 mb-5 text-muted text-sm">{texts.signIn.lead}</p>
          {state.hasExpired && (
            <div className="mb-4">
              <Note>{texts.signIn.ended}</Note>
            </div>
          )}
          {state.canSignIn ? <SignInForm firstError={error} /> : <Impossible problem={state.problem} />}
        </div>
        <p className="text-center text-muted text-xs">{texts.shell.version(state.version)}</p>
      </main>
    </div>
  )
}

const Impossible = ({ problem }: { problem: string | null | undefined }) => (
  <Note tone="warn" title={texts.signIn.impossible}>
    {problem ?? texts.signIn.impossibleNext}
  </Note>
)

function SignInForm({ firstError }: { firstError: unknown }) {
  const client = useQueryClient()
  const [key, setKey] = useState('')
  const [isShown, setShown] = useState(false)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(firstError)
  const wait = useCountdown(isFailure(error) ? error.retryAfter : undefined, error)
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (busy || wait > 0) return
    if (key.trim() === '') return setError(new Error(texts.signIn.empty))
    setBusy(true)
    try {
      await signIn(client, { key: key.trim() })
    } catch (problem) {
      setError(problem)
      setBusy(false)
    }
  }
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <div className="relative">
        <TextField
          label={texts.signIn.key}
          hint={texts.signIn.hint}
          type={isShown ? 'text' : 'password'}
          name="key"
          autoComplete="current-password"
          autoFocus
          spellCheck={false}
          value={key}
          onChange={({ target }) => setKey(target.value)}
        />
        <IconButton
          icon={isShown ? EyeOff : Eye}
          label={isShown ? texts.signIn.hideKey : texts.signIn.showKey}
          onClick={() => setShown(!isShown)}
          className="absolute top-6.5 right-0.5"
        />
      </div>
      {error !== undefined && error !== null && <ErrorNote error={error} />}
      {wait > 0 && (
        <p role="status" className="text-muted text-sm">
          {texts.signIn.wait(wait)}
        </p>
      )}
      <Button type="submit" look="primary" busy={busy} disabled={wait > 0}>
        {texts.signIn.submit}
      </Button>
    </form>
  )
}

/** Seconds that are left of a wait; begins anew with each `cause`. */
function useCountdown(seconds: number | undefined, cause: unknown): number {
  const [left, setLeft] = useState(0)
  useEffect(() => {
    // The cause is the error of a try: the same wait after another try begins anew.
    void cause
    setLeft(Math.ceil(seconds ?? 0))
    const timer = setInterval(() => setLeft((before) => Math.max(0, before - 1)), 1000)
    return () => clearInterval(timer)
  }, [seconds, cause])
  return left
}
