import { humanise } from '../../format/number.ts'
import { texts } from '../../texts.ts'
import { Id } from '../../ui/copy.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { Fact, Facts } from '../../ui/facts.tsx'
import { AppLink } from '../../ui/link.tsx'
import { Metadata } from '../../ui/metadata.tsx'
import { Note } from '../../ui/note.tsx'
import { Status } from '../../ui/status.tsx'
import { Subject } from '../../ui/subject.tsx'
import { Time } from '../../ui/time.tsx'
import type { CheckoutRecord } from './checkout-columns.tsx'

const t = texts.sessions

export function CheckoutDialog({ session, onClose }: { session: CheckoutRecord; onClose: () => void }) {
  const { environment, customerId, subscriptionId, lastError, lineItems, metadata } = session
  return (
    <Dialog title={t.details} onClose={onClose}>
      <div className="flex flex-col gap-4">
        {lastError && (
          <Note tone="bad" title={t.error}>
            {lastError}
          </Note>
        )}
        <Id value={session.checkoutSessionId ?? session.id} />
        <Facts>
          <Fact name={t.status}>
            <Status value={session.status} />
          </Fact>
          <Fact name={t.payment}>
            <Status value={session.paymentStatus} />
          </Fact>
          <Fact name={t.mode}>{humanise(session.mode)}</Fact>
          <Fact name={t.subject}>
            <Subject type={session.subjectType} id={session.subjectId} />
          </Fact>
          <Fact name={t.customer}>
            {customerId ? (
              <AppLink to={`/${environment}/customers/${customerId}`}>
                {session.customerEmail ?? customerId}
              </AppLink>
            ) : (
              session.customerEmail
            )}
          </Fact>
          <Fact name={texts.subscriptions.subscription}>
            {subscriptionId && (
              <AppLink to={`/${environment}/subscriptions/${subscriptionId}`}>{subscriptionId}</AppLink>
            )}
          </Fact>
          <Fact name={t.created}>
            <Time at={session.createdAt} as="long" />
          </Fact>
          <Fact name={t.expires}>
            <Time at={session.expiresAt} as="long" />
          </Fact>
          <Fact name={t.attempt}>{session.attempt}</Fact>
        </Facts>
        <ul className="text-sm">
          {lineItems.map(({ priceId, quantity }) => (
            <li key={priceId}>{t.item(priceId, quantity)}</li>
          ))}
        </ul>
        <Options name={t.options} options={session.options} />
        <Options name={t.forcedOptions} options={session.forcedOptions} />
        <Options name={texts.subscriptions.metadata} options={metadata} />
      </div>
    </Dialog>
  )
}

/** Options as requests spell them; values that are no text are shown as JSON. */
const Options = ({ name, options }: { name: string; options: Record<string, unknown> }) =>
  Object.keys(options ?? {}).length === 0 ? null : (
    <section className="border-line border-t pt-4">
      <h3 className="mb-2 font-medium text-sm">{name}</h3>
      <Metadata metadata={options} />
    </section>
  )
