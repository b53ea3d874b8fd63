import { Package, Plus } from 'lucide-react'
import { useState } from 'react'
import { useList } from '../../hooks/use-list.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { ChangeButton } from '../../shell/role.tsx'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { DataTable } from '../../ui/data-table.tsx'
import { Empty } from '../../ui/empty.tsx'
import { FilterBar, SelectFilter, TextFilter, useFilters } from '../../ui/filters.tsx'
import { Page } from '../../ui/page.tsx'
import { catalogueColumns } from './columns.tsx'
import { ProductDialog } from './product-dialog.tsx'
import { CatalogueTabs } from './tabs.tsx'

const t = texts.catalogue
const FILTERS = ['search', 'show']
const SHOWN = { active: 'true', archived: 'false' } as const

export function Catalogue() {
  const params = useParamsOfEnvironment()
  const [{ search, show }] = useFilters()
  const [isCreating, setCreating] = useState(false)
  const active = show === 'active' || show === 'archived' ? SHOWN[show] : undefined
  const list = useList(
    'listCatalogueProducts',
    { params, query: { search, active } },
    ({ products }) => products,
  )
  const isFiltered = Boolean(search || show)
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
