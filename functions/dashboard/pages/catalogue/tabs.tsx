import { texts } from '../../texts.ts'
import { Tabs } from '../../ui/tabs.tsx'

const t = texts.catalogue
const TABS = [
  { id: 'products', to: 'catalogue', name: t.products },
  { id: 'offers', to: 'offers', name: texts.offers.title },
] as const

/** What there is, and what of it app users may buy. */
export const CatalogueTabs = ({ shown }: { shown: 'products' | 'offers' }) => (
  <Tabs label={t.title} tabs={TABS} shown={shown} />
)
