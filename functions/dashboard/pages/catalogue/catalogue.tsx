import { Package, Plus } from 'lucide-react'
import { useState } from 'react'
import { type Prefetch, prefetchList, useList } from '../../hooks/use-list.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { ChangeButton } from '../../shell/role.tsx'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { DataTable } from '../../ui/data-table.tsx'
import { Empty } from '../../ui/empty.tsx'
import { FilterBar, type FilterValues, SelectFilter, TextFilter, useFilters } from '../../ui/filters.tsx'
import { Page } from '../../ui/page.tsx'
import { catalogueColumns } from './columns.tsx'
import { ProductDialog } from './product-dialog.tsx'
import { CatalogueTabs } from './tabs.tsx'

const t = texts.catalogue
const FILTERS = ['search', 'show']
const SHOWN = { active: 'true', archived: 'false' } as const

const queryOf = ({ search, show }: FilterValues) => ({
  search,
  active: show === 'active' || show === 'archived' ? SHOWN[show] : undefined,
})

export const prefetch: Prefetch = (client, params, values) =>
  prefetchList(client, 'listCatalogueProducts', { params, query: queryOf(values) })

export function Catalogue() {
  const params = useParamsOfEnvironment()
  const [values] = useFilters()
  const [isCreating, setCreating] = useState(false)
  const list = useList(
    'listCatalogueProducts',
    { params, query: queryOf(values) },
    ({ products }) => products,
  )
  const isFiltered = FILTERS.some((name) => values[name])
  const create = (
    <ChangeButton look="primary" icon={Plus} onClick={() => setCreating(true)}>
      {t.newProduct}
    </ChangeButton>
  )
  return (
    <Page title={t.title} description={t.lead} actions={create}>
      <CatalogueTabs shown="products" />
      <FilterBar names={FILTERS}>
        <TextFilter name="search" label={t.search} type="search" wide />
        <SelectFilter name="show" label={t.show} options={Object.entries(t.shows)} />
      </FilterBar>
      <Card flush>
        <DataTable
          label={t.products}
          columns={catalogueColumns(params.environment)}
          list={list}
          keyOf={({ productId }) => productId}
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
