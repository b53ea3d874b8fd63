import { texts } from '../../texts.ts'
import { Tabs } from '../../ui/tabs.tsx'

const t = texts.sessions
const TABS = [
  { id: 'checkout', to: 'sessions', name: t.checkout },
  { id: 'portal', to: 'sessions/portal', name: t.portal },
] as const

/** The two kinds of sessions. */
export const SessionTabs = ({ shown }: { shown: 'checkout' | 'portal' }) => (
  <Tabs label={t.title} tabs={TABS} shown={shown} />
)
