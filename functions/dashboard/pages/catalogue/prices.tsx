import { Archive, ArchiveRestore, Pencil, Plus } from 'lucide-react'
import { useState } from 'react'
import type { StripePrice, StripeProduct } from '../../../../types/api.ts'
import { useChange } from '../../hooks/use-call.ts'
import { useConfirm } from '../../shell/confirm.tsx'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { ChangeButton } from '../../shell/role.tsx'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { Id } from '../../ui/copy.tsx'
import { ErrorNote } from '../../ui/note.tsx'
import { priceText } from '../../ui/price-text.ts'
import { Cell, Row, SimpleTable } from '../../ui/simple-table.tsx'
import { Activity } from './columns.tsx'
import { EditPriceDialog } from './edit-price-dialog.tsx'
import { NewPriceDialog } from './new-price-dialog.tsx'

const t = texts.catalogue

/** The prices of a product. Offers of it are shown here as well once there are any. */
export function Prices({ product, prices }: { product: StripeProduct; prices: StripePrice[] }) {
  const [open, setOpen] = useState<StripePrice | 'new' | null>(null)
  const [error, setError] = useState<unknown>(null)
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
      {prices.length === 0 ? (
        <p className="px-5 pb-5 text-muted text-sm">{t.noPrices}</p>
      ) : (
        <SimpleTable
          label={t.prices}
          headers={[
            { name: t.price },
            { name: t.lookupKey },
            { name: texts.events.id },
            { name: texts.events.status },
            { name: t.edit, align: 'end' },
          ]}
        >
          {prices.map((price) => (
            <PriceRow key={price.priceId} price={price} onEdit={() => setOpen(price)} onError={setError} />
          ))}
        </SimpleTable>
      )}
      {open === 'new' && <NewPriceDialog productId={product.productId} onClose={() => setOpen(null)} />}
      {open !== null && open !== 'new' && <EditPriceDialog price={open} onClose={() => setOpen(null)} />}
    </Card>
  )
}

type PriceRowProps = { price: StripePrice; onEdit: () => void; onError: (error: unknown) => void }

function PriceRow({ price, onEdit, onError }: PriceRowProps) {
  const { priceId, active, lookupKey, revision } = price
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
    <Row>
      <Cell>
        <span className="tabular font-medium">{name}</span>
      </Cell>
      <Cell>{lookupKey ?? <span className="text-muted">{t.lookupNone}</span>}</Cell>
      <Cell>
        <Id value={priceId} />
      </Cell>
      <Cell>
        <Activity active={active} />
      </Cell>
      <Cell align="end">
        <span className="inline-flex gap-1.5">
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
      </Cell>
    </Row>
  )
}
