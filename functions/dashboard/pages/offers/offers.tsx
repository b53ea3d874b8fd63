import { BadgePercent, Plus } from 'lucide-react'
import { useState } from 'react'
import type { Offer } from '../../../../types/api.ts'
import { type Prefetch, prefetchList, useList } from '../../hooks/use-list.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { ChangeButton } from '../../shell/role.tsx'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { DataTable } from '../../ui/data-table.tsx'
import { Empty } from '../../ui/empty.tsx'
import { Note } from '../../ui/note.tsx'
import { Page } from '../../ui/page.tsx'
import { CatalogueTabs } from '../catalogue/tabs.tsx'
import { offerColumns } from './columns.tsx'
import { OfferDialog } from './offer-dialog.tsx'

const t = texts.offers

export const prefetch: Prefetch = (client, params) => prefetchList(client, 'listOffers', { params })

export function Offers() {
  const params = useParamsOfEnvironment()
  const [open, setOpen] = useState<Offer | 'new' | null>(null)
  const list = useList('listOffers', { params }, ({ offers }) => offers)
  const create = (
    <ChangeButton look="primary" icon={Plus} onClick={() => setOpen('new')}>
      {t.create}
    </ChangeButton>
  )
  return (
    <Page title={texts.catalogue.title} description={t.lead} actions={create}>
      <CatalogueTabs shown="offers" />
      {!list.isLoading && !list.error && list.rows.length === 0 && <Note tone="warn">{t.noneMeans}</Note>}
      <Card flush>
        <DataTable
          label={t.title}
          columns={offerColumns(setOpen)}
          list={list}
          keyOf={({ offerId }) => offerId}
          empty={
            <Empty icon={BadgePercent} title={t.none}>
              {t.noneNext}
            </Empty>
          }
        />
      </Card>
      {open !== null && (
        <OfferDialog
          {...(open === 'new' ? {} : { offer: open })}
          isFirst={list.rows.length === 0}
          onClose={() => setOpen(null)}
        />
      )}
    </Page>
  )
}
