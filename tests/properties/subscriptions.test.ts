/** Life cycles of subscriptions. */
import { converge } from './support/convergence.ts'
import { hasSubscription } from './support/recording.ts'

converge(hasSubscription)
