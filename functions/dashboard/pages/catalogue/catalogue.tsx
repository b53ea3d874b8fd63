import { Package, Plus } from 'lucide-react'
import { useMemo, useState } from 'react'
import type { StripePrice, StripeProduct } from '../../../../types/api.ts'
import { useCall } from '../../hooks/use-call.ts'
import { wholeList } from '../../hooks/use-whole.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { ChangeButton } from '../../shell/role.tsx'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { DataTable } from '../../ui/data-table.tsx'
import { Empty } from '../../ui/empty.tsx'
import { FilterBar, SelectFilter, TextFilter, useFilters } from '../../ui/filters.tsx'
import { Page } from '../../ui/page.tsx'
import { type CatalogueRow, catalogueColumns } from './columns.tsx'
import { ProductDialog } from './product-dialog.tsx'

const t = texts.catalogue
const FILTERS = ['search', 'show']

/** Every product with its prices, as far as they match what is searched and shown. */
function rowsOf(
  products: StripeProduct[],
  prices: StripePrice[],
  { search = '', show }: { search?: string | undefined; show?: string | undefined },
): CatalogueRow[] {
  const byProduct = Map.groupBy(prices, ({ productId }) => productId ?? '')
  const words = search.toLowerCase()
  return products
    .map((product) => ({ product, prices: byProduct.get(product.productId) ?? [] }))
    .filter(({ product }) => show === undefined || product.active === (show === 'active'))
    .filter(({ product, prices }) =>
      [
        product.name,
        product.productId,
        ...prices.flatMap(({ priceId, lookupKey }) => [priceId, lookupKey]),
      ].some((text) => text?.toLowerCase().includes(words)),
    )
}

export function Catalogue() {
  const params = useParamsOfEnvironment()
  const [values] = useFilters()
  const [isCreating, setCreating] = useState(false)
  const query = useCall('listStripeCatalog', { params })
  const { search, show } = values
  const rows = useMemo(
    () => rowsOf(query.data?.products ?? [], query.data?.prices ?? [], { search, show }),
    [query.data, search, show],
  )
  const isFiltered = FILTERS.some((name) => values[name])
  const create = (
    <ChangeButton look="primary" icon={Plus} onClick={() => setCreating(true)}>
      {t.newProduct}
    </ChangeButton>
  )
  return (
    <Page title={t.title} description={t.lead} actions={create}>
      <FilterBar names={FILTERS}>
        <TextFilter name="search" label={t.search} type="search" wide />
        <SelectFilter name="show" label={t.show} options={Object.entries(t.shows)} />
      </FilterBar>
      <Card flush>
        <DataTable
          label={t.products}
          columns={catalogueColumns(params.environment)}
          list={wholeList(query, rows)}
          keyOf={({ product }) => product.productId}
          empty={
            <Empty icon={Package} title={isFiltered ? texts.lists.noneMatch : t.none}>
              {isFiltered ? texts.lists.noneMatchNext : t.noneNext}
            </Empty>
          }
        />
      </Card>
      {isCreating && <ProductDialog onClose={() => setCreating(false)} />}
    </Page>
  )
}
