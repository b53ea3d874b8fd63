import type { CatalogueProduct } from '../../../../types/api.ts'
import { formatCount } from '../../format/number.ts'
import { texts } from '../../texts.ts'
import { Badge } from '../../ui/badge.tsx'
import { type Column, ROW_LINK } from '../../ui/data-table.tsx'
import { AppLink } from '../../ui/link.tsx'
import { priceText } from '../../ui/price-text.ts'
import { Time } from '../../ui/time.tsx'

const t = texts.catalogue

export const Activity = ({ active }: { active: boolean }) => (
  <Badge tone={active ? 'good' : 'neutral'}>{active ? t.active : t.archived}</Badge>
)

/** The first active prices, and how many more there are. */
function pricesText({ prices, activePrices }: CatalogueProduct): string {
  const shown = prices.map(priceText).join(', ')
  const more = activePrices - prices.length
  return more > 0 ? `${shown}, +${formatCount(more)}` : shown || '–'
}

export const catalogueColumns = (environment: string): Column<CatalogueProduct>[] => [
  {
    id: 'name',
    header: t.name,
    track: 'minmax(9rem, 1.4fr)',
    cell: ({ productId, name }) => (
      <AppLink to={`/${environment}/catalogue/${encodeURIComponent(productId)}`} className={ROW_LINK}>
        {name}
      </AppLink>
    ),
  },
  {
    id: 'prices',
    header: t.prices,
    track: 'minmax(8rem, 1.6fr)',
    cell: (product) => <span className="tabular">{pricesText(product)}</span>,
  },
  {
    id: 'status',
    header: texts.events.status,
    track: '6rem',
    from: 'sm',
    under: true,
    cell: ({ active }) => <Activity active={active} />,
  },
  {
    id: 'id',
    header: texts.events.id,
    track: 'minmax(9rem, 1fr)',
    from: 'lg',
    cell: ({ productId }) => <code className="font-mono text-[0.8125rem] text-muted">{productId}</code>,
  },
  {
    id: 'updated',
    header: t.updated,
    track: '8.5rem',
    align: 'end',
    from: 'md',
    cell: ({ syncedAt }) => <Time at={syncedAt} />,
  },
]
