import { Outlet, useLocation } from '@tanstack/react-router'
import { Menu, Search } from 'lucide-react'
import { useCallback, useEffect, useRef, useState } from 'react'
import { texts } from '../texts.ts'
import { Badge } from '../ui/badge.tsx'
import { Boundary } from '../ui/boundary.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { IconButton } from '../ui/icon-button.tsx'
import { Tooltip } from '../ui/tooltip.tsx'
import { AccountMenu } from './account-menu.tsx'
import { Confirmations } from './confirm.tsx'
import { ConnectionBanner } from './connection-banner.tsx'
import { useEnvironment } from './environment.ts'
import { EnvironmentSwitch } from './environment-switch.tsx'
import { Mark } from './mark.tsx'
import { Navigation } from './navigation.tsx'
import { setPreferences } from './preferences.ts'
import { useMayChange } from './role.tsx'
import { SearchDialog } from './search-dialog.tsx'
import { ShortcutsDialog, useShortcuts } from './shortcuts.tsx'

type Open = 'menu' | 'search' | 'shortcuts' | null

/** What surrounds every page. */
export function Layout() {
  const environment = useEnvironment()
  const { pathname } = useLocation()
  const [open, setOpen] = useState<Open>(null)
  const main = useRef<HTMLElement>(null)
  const onSearch = useCallback(() => setOpen('search'), [])
  const onHelp = useCallback(() => setOpen('shortcuts'), [])
  const onClose = useCallback(() => setOpen(null), [])
  useShortcuts({ onSearch, onHelp })
  useEffect(() => {
    document.documentElement.dataset.environment = environment
    setPreferences({ environment })
  }, [environment])
  // biome-ignore lint/correctness/useExhaustiveDependencies: the menu closes with each change of the page
  useEffect(() => setOpen(null), [pathname])
  return (
    <Confirmations>
      <button
        type="button"
        onClick={() => main.current?.focus()}
        className="fixed top-2 left-2 z-50 -translate-y-16 rounded-lg bg-ink px-4 py-2 text-canvas text-sm focus:translate-y-0"
      >
        {texts.common.skip}
      </button>
      <ConnectionBanner />
      <TopBar onMenu={() => setOpen('menu')} onSearch={onSearch} onHelp={onHelp} />
      <div className="mx-auto flex w-full max-w-[120rem]">
        <aside className="sticky top-14 hidden h-[calc(100dvh-3.5rem)] w-56 shrink-0 overflow-y-auto px-3 py-5 lg:block">
          <Navigation />
        </aside>
        <main
          ref={main}
          tabIndex={-1}
          className="min-w-0 flex-1 px-4 pt-6 pb-16 outline-none sm:px-6 lg:pr-8 lg:pl-4"
        >
          <Boundary resetKey={pathname}>
            <Outlet />
          </Boundary>
        </main>
      </div>
      {open === 'menu' && (
        <Dialog title={texts.shell.menu} onClose={onClose} side>
          <Navigation />
        </Dialog>
      )}
      {open === 'search' && <SearchDialog onClose={onClose} />}
      {open === 'shortcuts' && <ShortcutsDialog onClose={onClose} />}
    </Confirmations>
  )
}

function TopBar({
  onMenu,
  onSearch,
  onHelp,
}: {
  onMenu: () => void
  onSearch: () => void
  onHelp: () => void
}) {
  const mayChange = useMayChange()
  return (
    <header className="sticky top-0 z-30 border-line border-b border-t-3 border-t-accent bg-surface">
      <div className="mx-auto flex h-[3.25rem] max-w-[120rem] items-center gap-2 px-3 sm:gap-3 sm:px-5">
        <IconButton icon={Menu} label={texts.shell.menu} onClick={onMenu} className="lg:hidden" />
        <Mark />
        <span className="font-semibold tracking-tight max-sm:sr-only">{texts.common.product}</span>
        <div className="ml-auto flex min-w-0 items-center gap-1.5 sm:gap-3">
          {!mayChange && (
            <Tooltip text={texts.shell.readOnlyReason}>
              <span className="max-md:hidden">
                <Badge>{texts.shell.readOnly}</Badge>
              </span>
            </Tooltip>
          )}
          <button
            type="button"
            onClick={onSearch}
            className="flex h-9 items-center gap-2 rounded-lg border border-edge px-3 text-muted text-sm hover:text-ink sm:w-56"
          >
            <Search size={16} aria-hidden />
            <span className="max-sm:sr-only">{texts.shell.search}</span>
            <kbd className="ml-auto rounded border border-line px-1.5 font-mono text-xs max-sm:hidden">/</kbd>
          </button>
          <EnvironmentSwitch />
          <AccountMenu onShortcuts={onHelp} />
        </div>
      </div>
    </header>
  )
}
