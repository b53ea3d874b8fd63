import { useNavigate, useParams } from '@tanstack/react-router'
import { Archive, ArchiveRestore, Pencil, Trash2 } from 'lucide-react'
import { useState } from 'react'
import type { GetStripeProductResponse, StripeProduct } from '../../../../types/api.ts'
import { useCall, useChange } from '../../hooks/use-call.ts'
import { useConfirm } from '../../shell/confirm.tsx'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { ChangeButton } from '../../shell/role.tsx'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { Id } from '../../ui/copy.tsx'
import { Fact, Facts } from '../../ui/facts.tsx'
import { AppLink } from '../../ui/link.tsx'
import { Metadata } from '../../ui/metadata.tsx'
import { ErrorNote } from '../../ui/note.tsx'
import { Loaded } from '../../ui/object-page.tsx'
import { Page } from '../../ui/page.tsx'
import { Time } from '../../ui/time.tsx'
import { Activity } from './columns.tsx'
import { Prices } from './prices.tsx'
import { ProductDialog } from './product-dialog.tsx'

const t = texts.catalogue

export function ProductPage() {
  const params = useParamsOfEnvironment()
  const { productId } = useParams({ strict: false }) as { productId: string }
  const query = useCall('getStripeProduct', {
    params: { ...params, productId },
    query: { withPrices: 'false' },
  })
  const product = query.data?.product
  return (
    <Page
      title={product?.name ?? productId}
      parent={<AppLink to={`/${params.environment}/catalogue`}>{t.title}</AppLink>}
      aside={product && <Activity active={product.active} />}
      actions={product && <ProductActions product={product} />}
    >
      <Loaded query={query}>{(data) => <Details data={data} />}</Loaded>
      {!query.error && <Prices productId={productId} />}
    </Page>
  )
}

function Details({ data: { product } }: { data: GetStripeProductResponse }) {
  const { metadata } = product
  return (
    <Card>
      <Facts>
        <Fact name={texts.events.id}>
          <Id value={product.productId} />
        </Fact>
        <Fact name={t.description}>{product.description}</Fact>
        <Fact name={t.updated}>
          <Time at={product.syncedAt} as="long" />
        </Fact>
      </Facts>
      {Object.keys(metadata ?? {}).length > 0 && (
        <div className="mt-5 border-line border-t pt-4">
          <h3 className="mb-2 font-medium text-sm">{t.metadata}</h3>
          <Metadata metadata={metadata} />
        </div>
      )}
    </Card>
  )
}

function ProductActions({ product }: { product: StripeProduct }) {
  const params = { ...useParamsOfEnvironment(), productId: product.productId }
  const navigate = useNavigate()
  const ask = useConfirm()
  const [isEditing, setEditing] = useState(false)
  const update = useChange('updateStripeProduct', { done: product.active ? t.archivedDone : t.restored })
  const remove = useChange('deleteStripeProduct', {
    done: t.deletedDone,
    onDone: () => void navigate({ to: `/${params.environment}/catalogue` }),
  })
  const setActive = (active: boolean) =>
    update.mutate({ params, body: { active, ifRevision: product.revision } })
  const archive = async () => {
    if (await ask({ title: t.archiveTitle(product.name), body: t.archiveBody, action: t.archive }))
      setActive(false)
  }
  const onDelete = async () => {
    if (await ask({ title: t.deleteTitle(product.name), body: t.deleteBody, action: t.delete }))
      remove.mutate({ params, query: { ifRevision: product.revision } })
  }
  const error = update.error ?? remove.error
  return (
    <>
      <ChangeButton icon={Pencil} onClick={() => setEditing(true)}>
        {t.edit}
      </ChangeButton>
      {product.active ? (
        <ChangeButton icon={Archive} busy={update.isPending} onClick={() => void archive()}>
          {t.archive}
        </ChangeButton>
      ) : (
        <ChangeButton icon={ArchiveRestore} busy={update.isPending} onClick={() => setActive(true)}>
          {t.restore}
        </ChangeButton>
      )}
      <ChangeButton icon={Trash2} busy={remove.isPending} onClick={() => void onDelete()}>
        {t.delete}
      </ChangeButton>
      {error && (
        <div className="basis-full">
          <ErrorNote error={error} />
        </div>
      )}
      {isEditing && <ProductDialog product={product} onClose={() => setEditing(false)} />}
    </>
  )
}
