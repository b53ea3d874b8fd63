import type { Offer } from '../../../../types/api.ts'
import { humanise } from '../../format/number.ts'
import { texts } from '../../texts.ts'
import { Badge } from '../../ui/badge.tsx'
import type { Column } from '../../ui/data-table.tsx'
import { Time } from '../../ui/time.tsx'
import { stateOf } from './offer-state.ts'

const t = texts.offers

const whoText = ({ roles, subjectTypes }: Offer) =>
  [roles?.join(', ') ?? t.everybody, subjectTypes && t.as(subjectTypes.join(', '))].filter(Boolean).join(', ')

const quantityText = ({ minimumQuantity, maximumQuantity }: Offer) =>
  minimumQuantity === maximumQuantity ? String(minimumQuantity) : `${minimumQuantity} – ${maximumQuantity}`

export const offerColumns = (onOpen: (offer: Offer) => void): Column<Offer>[] => [
  {
    id: 'offer',
    header: t.offer,
    track: 'minmax(8rem, 1.2fr)',
    cell: (offer) => (
      <button
        type="button"
        onClick={() => onOpen(offer)}
        className="max-w-full truncate text-left font-medium after:absolute after:inset-0 after:content-[''] hover:text-accent-strong"
      >
        {offer.offerId}
      </button>
    ),
  },
  {
    id: 'state',
    header: t.state,
    track: '6.5rem',
    cell: (offer) => {
      const { tone, text } = stateOf(offer)
      return <Badge tone={tone}>{text}</Badge>
    },
  },
  {
    id: 'what',
    header: t.what,
    track: 'minmax(9rem, 1.4fr)',
    from: 'sm',
    under: true,
    cell: ({ priceId, lookupKey, productId }) => priceId ?? lookupKey ?? productId,
  },
  { id: 'mode', header: t.mode, track: '7rem', from: 'lg', cell: ({ mode }) => humanise(mode) },
  { id: 'quantity', header: t.quantity, track: '5.5rem', align: 'end', from: 'md', cell: quantityText },
  { id: 'who', header: t.who, track: 'minmax(8rem, 1.2fr)', from: 'md', cell: whoText },
  {
    id: 'group',
    header: t.group,
    track: 'minmax(6rem, 0.8fr)',
    from: 'xl',
    cell: ({ productGroup }) => productGroup ?? '–',
  },
  {
    id: 'ends',
    header: t.ends,
    track: '8.5rem',
    align: 'end',
    from: 'lg',
    cell: ({ endsAt }) => <Time at={endsAt} />,
  },
]
