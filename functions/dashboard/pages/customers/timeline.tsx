import {
  Activity,
  CreditCard,
  FileMinus,
  FileText,
  type LucideIcon,
  Repeat,
  ShoppingCart,
  Undo2,
  UserCog,
} from 'lucide-react'
import type { CustomerTimelineEntry as Entry, PaymentCustomer } from '../../../../types/api.ts'
import { formatMoney } from '../../format/money.ts'
import { humanise } from '../../format/number.ts'
import { useList } from '../../hooks/use-list.ts'
import { texts } from '../../texts.ts'
import { Button } from '../../ui/button.tsx'
import { Card } from '../../ui/card.tsx'
import { SelectField } from '../../ui/field.tsx'
import { useFilters } from '../../ui/filters.tsx'
import { AppLink } from '../../ui/link.tsx'
import { ErrorNote } from '../../ui/note.tsx'
import { Skeleton } from '../../ui/skeleton.tsx'
import { Status } from '../../ui/status.tsx'
import { Time } from '../../ui/time.tsx'

const t = texts.customers

const ICONS: Record<string, LucideIcon> = {
  payment: CreditCard,
  refund: Undo2,
  subscription: Repeat,
  invoice: FileText,
  credit_note: FileMinus,
  checkout_session: ShoppingCart,
  portal_session: UserCog,
  event: Activity,
}
const KINDS = Object.keys(t.kinds) as Entry['kind'][]

/** Where an entry of the time line is shown. */
function placeOf({ kind, id, objectId }: Entry): [to: string, search?: Record<string, string>] {
  if (kind === 'payment' || kind === 'refund') return [`payments/${id}`]
  if (kind === 'subscription') return [`subscriptions/${objectId}`]
  if (kind === 'invoice') return [`invoices/${objectId}`]
  if (kind === 'credit_note') return ['invoices/credit-notes']
  if (kind === 'event') return [`events/${objectId}`]
  if (kind === 'portal_session') return ['sessions/portal']
  return ['sessions', objectId ? { checkoutSessionId: objectId } : {}]
}

/** The title of an event is its type, and that of an invoice its number, as Stripe writes them; the others are words. */
const titleOf = ({ kind, title }: Entry) =>
  ['event', 'invoice', 'credit_note'].includes(kind)
    ? title
    : (texts.payments.types[title] ?? humanise(title || kind))

/** Everything that happened with one customer, newest first. */
export function Timeline({ customer: { environment, providerCustomerId } }: { customer: PaymentCustomer }) {
  const [{ kind: wanted }, change] = useFilters()
  const kind = KINDS.find((name) => name === wanted)
  const list = useList(
    'listCustomerTimeline',
    { params: { environment, customerId: providerCustomerId }, query: { kind } },
    ({ entries }) => entries,
  )
  return (
    <Card
      title={t.timeline}
      actions={
        <SelectField
          label={t.timelineKind}
          hideLabel
          value={kind ?? ''}
          onChange={({ target }) => change({ kind: target.value || undefined })}
          options={[['', t.everything], ...Object.entries(t.kinds)]}
        />
      }
    >
      {list.error && <ErrorNote error={list.error} onRetry={list.reload} />}
      {list.isLoading ? (
        <Skeleton lines={6} />
      ) : (
        list.rows.length === 0 && !list.error && <p className="text-muted text-sm">{t.nothing}</p>
      )}
      <ol className="relative flex flex-col before:absolute before:inset-y-3 before:left-3.75 before:w-px before:bg-line">
        {list.rows.map((entry) => (
          <TimelineItem key={`${entry.kind} ${entry.id}`} entry={entry} environment={environment} />
        ))}
      </ol>
      {list.hasMore && (
        <Button small busy={list.isLoadingMore} onClick={list.loadMore} className="mt-3">
          {texts.lists.more}
        </Button>
      )}
    </Card>
  )
}

function TimelineItem({ entry, environment }: { entry: Entry; environment: string }) {
  const { kind, status, amount, currency, happenedAt, error } = entry
  const Icon = ICONS[kind] ?? Activity
  const [to, search] = placeOf(entry)
  const kindText = t.kinds[kind] ?? humanise(kind)
  const titleText = titleOf(entry)
  return (
    <li className="relative flex gap-4 py-2">
      <span className="z-10 inline-flex size-8 shrink-0 items-center justify-center rounded-full border border-line bg-surface text-muted">
        <Icon size={15} aria-hidden />
      </span>
      <div className="min-w-0 flex-1 pt-1 text-sm">
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <AppLink to={`/${environment}/${to}`} search={search}>
            {titleText}
          </AppLink>
          {kindText !== titleText && <span className="text-muted text-xs">{kindText}</span>}
          <Status value={status} />
          {amount !== null && <span className="tabular font-medium">{formatMoney(amount, currency)}</span>}
          <span className="ml-auto text-muted text-xs">
            <Time at={happenedAt} />
          </span>
        </div>
        {error && <p className="mt-0.5 break-words text-bad text-xs">{error}</p>}
      </div>
    </li>
  )
}
