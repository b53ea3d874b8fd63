import type { GetStripeSubscriptionResponse } from '../../../../types/api.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { Id } from '../../ui/copy.tsx'
import { Fact, Facts } from '../../ui/facts.tsx'
import { Metadata } from '../../ui/metadata.tsx'
import { priceText } from '../../ui/price-text.ts'
import { Time } from '../../ui/time.tsx'

const t = texts.subscriptions

type Data = GetStripeSubscriptionResponse

/** What will change by itself: the next phase of a schedule, and an update that waits for its payment. */
export function Planned({ data }: { data: Data }) {
  const { scheduleId, pendingUpdate } = data.subscription
  if (!scheduleId && !pendingUpdate) return null
  return (
    <Card title={t.planned} description={t.plannedLead}>
      <div className="flex flex-col gap-5">
        {scheduleId && <Schedule data={data} />}
        {pendingUpdate && <PendingUpdate data={data} />}
      </div>
    </Card>
  )
}

function Schedule({ data: { subscription, prices } }: { data: Data }) {
  const { scheduleId, nextPhaseAt, nextPhaseItems } = subscription
  const itemText = ({ priceId, quantity }: { priceId: string | null; quantity: number | null }) => {
    const price = prices.find((found) => found.priceId === priceId)
    return texts.sessions.item(price ? priceText(price) : priceId, quantity)
  }
  return (
    <Facts>
      <Fact name={t.schedule}>
        <Id value={scheduleId} />
      </Fact>
      <Fact name={t.nextPhaseAt}>{nextPhaseAt ? <Time at={nextPhaseAt} as="long" /> : t.nothingPlanned}</Fact>
      <Fact name={t.nextPhaseItems}>{nextPhaseItems?.map(itemText).join(', ')}</Fact>
    </Facts>
  )
}

/** Stripe describes the update; its words are shown as they are. */
const PendingUpdate = ({ data: { subscription } }: { data: Data }) => (
  <div>
    <h3 className="mb-2 font-medium text-sm">
      {t.pendingUpdate} <Time at={subscription.pendingUpdateExpiresAt} as="long" />
    </h3>
    <Metadata metadata={subscription.pendingUpdate} />
  </div>
)
