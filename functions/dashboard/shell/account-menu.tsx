import { useQueryClient } from '@tanstack/react-query'
import { Check, CircleUser, LogOut } from 'lucide-react'
import { DropdownMenu as Parts } from 'radix-ui'
import { signOut, useSession } from '../api/session.ts'
import { texts } from '../texts.ts'
import { useSay } from '../ui/toasts.tsx'
import { setPreferences, type Theme, usePreferences } from './preferences.ts'

const ITEM =
  'flex min-h-9 cursor-pointer items-center gap-2.5 rounded-lg px-3 text-sm outline-none data-[highlighted]:bg-sunken'
const THEMES: Theme[] = ['system', 'light', 'dark']

/** Who is signed in, the colours, the shortcuts, and the way out. */
export function AccountMenu({ onShortcuts }: { onShortcuts: () => void }) {
  const client = useQueryClient()
  const say = useSay()
  const { data } = useSession()
  const { theme } = usePreferences()
  const leave = () => void signOut(client).catch((error: Error) => say(error.message))
  return (
    <Parts.Root modal={false}>
      <Parts.Trigger
        aria-label={texts.shell.account}
        className="inline-flex size-9 items-center justify-center rounded-lg text-muted hover:bg-sunken hover:text-ink"
      >
        <CircleUser size={20} aria-hidden />
      </Parts.Trigger>
      <Parts.Portal>
        <Parts.Content
          align="end"
          sideOffset={6}
          collisionPadding={8}
          className="z-50 min-w-60 rounded-xl border border-line bg-surface p-1.5 text-ink shadow-float"
        >
          <Parts.Label className="px-3 py-2 text-muted text-xs">
            {data?.session?.role === 'admin' ? texts.shell.admin : texts.shell.reader}
            <br />
            {texts.shell.version(data?.version ?? '')}
          </Parts.Label>
          <Parts.Separator className="my-1 h-px bg-line" />
          <Parts.Label className="px-3 pt-1 text-muted text-xs">{texts.shell.theme}</Parts.Label>
          <Parts.RadioGroup
            value={theme}
            onValueChange={(value) => setPreferences({ theme: value as Theme })}
          >
            {THEMES.map((name) => (
              <Parts.RadioItem key={name} value={name} className={ITEM}>
                <span className="w-4">
                  <Parts.ItemIndicator>
                    <Check size={15} aria-hidden />
                  </Parts.ItemIndicator>
                </span>
                {texts.shell.themes[name]}
              </Parts.RadioItem>
            ))}
          </Parts.RadioGroup>
          <Parts.Separator className="my-1 h-px bg-line" />
          <Parts.Item onSelect={onShortcuts} className={ITEM}>
            {texts.shell.shortcuts}
          </Parts.Item>
          <Parts.Item onSelect={leave} className={ITEM}>
            <LogOut size={15} aria-hidden />
            {texts.shell.signOut}
          </Parts.Item>
        </Parts.Content>
      </Parts.Portal>
    </Parts.Root>
  )
}
