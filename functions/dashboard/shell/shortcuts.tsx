import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { texts } from '../texts.ts'
import { Dialog } from '../ui/dialog.tsx'
import { CheckField } from '../ui/field.tsx'
import { useEnvironment } from './environment.ts'
import { PAGES } from './pages.ts'
import { setPreferences, usePreferences } from './preferences.ts'

const SECOND_KEY_WITHIN_MS = 1200

const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLElement &&
  (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))

type Actions = { onSearch: () => void; onHelp: () => void }

/** `/` searches, `g` and a second key go to a page, `?` shows the list. They can be turned off. */
export function useShortcuts({ onSearch, onHelp }: Actions): void {
  const navigate = useNavigate()
  const environment = useEnvironment()
  const { shortcuts } = usePreferences()
  const firstKeyAt = useRef(Number.NEGATIVE_INFINITY)
  useEffect(() => {
    if (!shortcuts) return
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
      if (document.querySelector('dialog[open]')) return
      const isSecond = event.timeStamp - firstKeyAt.current < SECOND_KEY_WITHIN_MS
      firstKeyAt.current = event.key === 'g' ? event.timeStamp : Number.NEGATIVE_INFINITY
      const page = isSecond ? PAGES.find(({ key }) => key === event.key) : undefined
      if (page) void navigate({ to: `/${environment}/${page.id}`, search: {} as never })
      else if (event.key === '/') onSearch()
      else if (event.key === '?') onHelp()
      else return
      event.preventDefault()
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [shortcuts, environment, navigate, onSearch, onHelp])
}

const Key = ({ name }: { name: string }) => (
  <kbd className="inline-flex min-w-6 justify-center rounded-md border border-edge bg-sunken px-1.5 font-mono text-xs leading-6">
    {name}
  </kbd>
)

export function ShortcutsDialog({ onClose }: { onClose: () => void }) {
  const { shortcuts } = usePreferences()
  const rows: [keys: string[], what: string][] = [
    [['/'], texts.shortcuts.search],
    [['?'], texts.shortcuts.help],
    ...PAGES.map(({ id, key }): [string[], string] => [['g', key], texts.shortcuts.goTo(texts.pages[id])]),
  ]
  return (
    <Dialog title={texts.shortcuts.title} onClose={onClose}>
      <dl className="mb-5 grid gap-x-8 gap-y-2 sm:grid-cols-2">
        {rows.map(([keys, what]) => (
          <div key={what} className="flex items-center justify-between gap-3 text-sm">
            <dt>{what}</dt>
            <dd className="flex items-center gap-1">
              {keys.map((key) => (
                <Key key={key} name={key} />
              ))}
            </dd>
          </div>
        ))}
      </dl>
      <CheckField
        label={texts.shortcuts.enabled}
        hint={texts.shortcuts.enabledHint}
        checked={shortcuts}
        onChange={({ target }) => setPreferences({ shortcuts: target.checked })}
      />
    </Dialog>
  )
}
