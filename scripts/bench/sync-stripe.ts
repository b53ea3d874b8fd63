/** Local Stripe with many customers, as a process of its own; started by sync.ts. It answers when all of them are there. */
import { setImmediate } from 'node:timers/promises'
import { call, type Engine, startLocalStripe } from '../local-stripe/index.ts'
import { answerJob } from './child.ts'

export type StripeJob = { customers: number }
export type StripeAnswer = { url: string; secretKey: string }

/** Customers that are made in one go; between two of them the process notices when it is to end. */
const SLICE = 1000
/** A new customer each minute, up to the present. */
const APART_MS = 60_000

answerJob<StripeJob, StripeAnswer>(async ({ customers }) => {
  let behind = customers * APART_MS
  const now = () => new Date(Date.now() - behind)
  const { url, secretKey, engine } = await startLocalStripe({ seed: 1, now })
  for (let made = 0; made < customers; made += 1) {
    behind -= APART_MS
    createCustomer(engine, made)
    if (made % SLICE !== 0) continue
    engine.events.length = 0 // nobody asks for them
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
