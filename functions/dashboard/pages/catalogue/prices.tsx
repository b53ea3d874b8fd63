import { Archive, ArchiveRestore, Pencil, Plus, Tags } from 'lucide-react'
import { useState } from 'react'
import type { StripePrice } from '../../../../types/api.ts'
import { useChange } from '../../hooks/use-call.ts'
import { useList } from '../../hooks/use-list.ts'
import { useConfirm } from '../../shell/confirm.tsx'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { ChangeButton } from '../../shell/role.tsx'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { Id } from '../../ui/copy.tsx'
import { type Column, DataTable } from '../../ui/data-table.tsx'
import { Empty } from '../../ui/empty.tsx'
import { ErrorNote } from '../../ui/note.tsx'
import { priceText } from '../../ui/price-text.ts'
import { Activity } from './columns.tsx'
import { EditPriceDialog } from './edit-price-dialog.tsx'
import { NewPriceDialog } from './new-price-dialog.tsx'

const t = texts.catalogue

type Actions = { onEdit: (price: StripePrice) => void; onError: (error: unknown) => void }

const priceColumns = ({ onEdit, onError }: Actions): Column<StripePrice>[] => [
  {
    id: 'price',
    header: t.price,
    track: 'minmax(8rem, 1.2fr)',
    cell: (price) => <span className="tabular font-medium">{priceText(price)}</span>,
  },
  {
    id: 'lookup',
    header: t.lookupKey,
    track: 'minmax(7rem, 1fr)',
    from: 'md',
    cell: ({ lookupKey }) => lookupKey ?? <span className="text-muted">{t.lookupNone}</span>,
  },
  {
    id: 'id',
    header: texts.events.id,
    track: 'minmax(9rem, 1.4fr)',
    from: 'lg',
    cell: ({ priceId }) => <Id value={priceId} />,
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
    id: 'edit',
    header: t.edit,
    track: 'minmax(6rem, 12.5rem)',
    align: 'end',
    cell: (price) => <PriceActions price={price} onEdit={() => onEdit(price)} onError={onError} />,
  },
]

/** The prices of a product, page by page. */
export function Prices({ productId }: { productId: string }) {
  const params = useParamsOfEnvironment()
  const [open, setOpen] = useState<StripePrice | 'new' | null>(null)
  const [error, setError] = useState<unknown>(null)
  const list = useList('listStripePrices', { params, query: { productId } }, ({ prices }) => prices)
  return (
    <Card
      title={t.prices}
      flush
      actions={
        <ChangeButton icon={Plus} onClick={() => setOpen('new')}>
          {t.newPrice}
        </ChangeButton>
      }
    >
      {error !== null && (
        <div className="px-5 pb-3">
          <ErrorNote error={error} />
        </div>
      )}
      <DataTable
        label={t.prices}
        columns={priceColumns({ onEdit: setOpen, onError: setError })}
        list={list}
        keyOf={({ priceId }) => priceId}
        empty={<Empty icon={Tags} title={t.noPrices} />}
      />
      {open === 'new' && <NewPriceDialog productId={productId} onClose={() => setOpen(null)} />}
      {open !== null && open !== 'new' && <EditPriceDialog price={open} onClose={() => setOpen(null)} />}
    </Card>
  )
}

type PriceActionsProps = { price: StripePrice; onEdit: () => void; onError: (error: unknown) => void }

function PriceActions({ price, onEdit, onError }: PriceActionsProps) {
  const { priceId, active, revision } = price
  const params = { ...useParamsOfEnvironment(), priceId }
  const ask = useConfirm()
  const update = useChange('updateStripePrice', { done: active ? t.archivedDone : t.restored })
  const name = priceText(price)
  const setActive = (next: boolean) =>
    update.mutate(
      { params, body: { active: next, ifRevision: revision } },
      { onError, onSuccess: () => onError(null) },
    )
  const archive = async () => {
    if (await ask({ title: t.archiveTitle(name), body: t.archiveBody, action: t.archive })) setActive(false)
  }
  return (
    <span className="inline-flex flex-wrap justify-end gap-1.5">
      <ChangeButton small icon={Pencil} onClick={onEdit} aria-label={`${t.edit}: ${name}`}>
        {t.edit}
      </ChangeButton>
      <ChangeButton
        small
        icon={active ? Archive : ArchiveRestore}
        busy={update.isPending}
        onClick={() => (active ? void archive() : setActive(true))}
      >
        {active ? t.archive : t.restore}
      </ChangeButton>
    </span>
  )
}
