import { texts } from '../../texts.ts'
import { Tabs } from '../../ui/tabs.tsx'

const t = texts.invoices
const TABS = [
  { id: 'invoices', to: 'invoices', name: t.title },
  { id: 'credit-notes', to: 'invoices/credit-notes', name: t.creditNotes },
] as const

export const InvoiceTabs = ({ shown }: { shown: 'invoices' | 'credit-notes' }) => (
  <Tabs label={t.title} tabs={TABS} shown={shown} />
)
