/**
 * Runs local Stripe with many customers in a process of its own; sync.ts starts it. It answers once all customers
 * exist.
 */
import { setImmediate } from 'node:timers/promises'
import { call, type Engine, startLocalStripe } from '../local-stripe/index.ts'
import { answerJob } from './child.ts'

export type StripeJob = { customers: number }
export type StripeAnswer = { url: string; secretKey: string }

/** After each batch the process yields, so that it notices when its parent has ended. */
const CUSTOMERS_PER_BATCH = 1000
/** One new customer each minute, up to now. */
const CUSTOMER_INTERVAL_MS = 60_000

answerJob<StripeJob, StripeAnswer>(async ({ customers }) => {
  let behind = customers * CUSTOMER_INTERVAL_MS
  const now = () => new Date(Date.now() - behind)
  const { url, secretKey, engine } = await startLocalStripe({ seed: 1, now })
  for (let made = 0; made < customers; made += 1) {
    behind -= CUSTOMER_INTERVAL_MS
    createCustomer(engine, made)
    if (made % CUSTOMERS_PER_BATCH !== 0) continue
    engine.events.length = 0 // no sync lists events
    await setImmediate()
  }
  engine.events.length = 0
  return { url, secretKey }
})

function createCustomer(engine: Engine, number: number): void {
  call(engine, 'POST', '/v1/customers', {
    email: `customer.${number}@example.com`,
    name: `Customer ${number}`,
    phone: `+49 30 ${String(number).padStart(7, '0')}`,
    description: 'Bought at the counter, and online since',
    address: {
      line1: `Torstraße ${1 + (number % 230)}`,
      city: 'Berlin',
      postal_code: '10119',
      country: 'DE',
    },
    metadata: { payments_subject_type: 'team', payments_subject_id: String(number), plan: 'monthly' },
  })
}
