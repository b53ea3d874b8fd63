import type { StripePrice, StripeProduct } from '../../../../types/api.ts'
import { texts } from '../../texts.ts'
import { Badge } from '../../ui/badge.tsx'
import { type Column, ROW_LINK } from '../../ui/data-table.tsx'
import { AppLink } from '../../ui/link.tsx'
import { priceText } from '../../ui/price-text.ts'
import { Time } from '../../ui/time.tsx'

const t = texts.catalogue
const PRICES_SHOWN = 2

export type CatalogueRow = { product: StripeProduct; prices: StripePrice[] }

export const Activity = ({ active }: { active: boolean }) => (
  <Badge tone={active ? 'good' : 'neutral'}>{active ? t.active : t.archived}</Badge>
)

/** The first active prices, and how many more there are. */
function pricesText(prices: StripePrice[]): string {
  const active = prices.filter((price) => price.active)
  const more = active.length - PRICES_SHOWN
  const shown = active.slice(0, PRICES_SHOWN).map(priceText).join(', ')
  return more > 0 ? `${shown}, +${more}` : shown || '–'
}

export const catalogueColumns = (environment: string): Column<CatalogueRow>[] => [
  {
    id: 'name',
    header: t.name,
    track: 'minmax(9rem, 1.4fr)',
    cell: ({ product: { productId, name } }) => (
      <AppLink to={`/${environment}/catalogue/${encodeURIComponent(productId)}`} className={ROW_LINK}>
        {name}
      </AppLink>
    ),
  },
  {
    id: 'prices',
    header: t.prices,
    track: 'minmax(8rem, 1.6fr)',
    cell: ({ prices }) => <span className="tabular">{pricesText(prices)}</span>,
  },
  {
    id: 'status',
    header: texts.events.status,
    track: '6rem',
    from: 'sm',
    under: true,
    cell: ({ product }) => <Activity active={product.active} />,
  },
  {
    id: 'id',
    header: texts.events.id,
    track: 'minmax(9rem, 1fr)',
    from: 'lg',
    cell: ({ product }) => <code className="font-mono text-[0.8125rem] text-muted">{product.productId}</code>,
  },
  {
    id: 'updated',
    header: t.updated,
    track: '8.5rem',
    align: 'end',
    from: 'md',
    cell: ({ product }) => <Time at={product.syncedAt} />,
  },
]
