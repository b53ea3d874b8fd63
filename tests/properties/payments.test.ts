/** Life cycles without a subscription: purchases, refunds, disputes, invoices, customers and the catalogue. */
import { converge } from './support/convergence.ts'
import { hasSubscription } from './support/recording.ts'

converge((recording) => !hasSubscription(recording))
