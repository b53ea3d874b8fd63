/** What each planned task does to its object when it is due. A task whose object has changed meanwhile does nothing. */
import { change, type Engine } from '../core/engine.ts'
import { expireSession } from './checkout.ts'
import { collect, finalizeInvoice } from './invoicing.ts'
import { endIntent, settlePayment } from './payments.ts'
import { settleRefund } from './refunds.ts'
import { nextSchedulePhase } from './schedules.ts'
import { endSubscription, expireIncomplete, renewSubscription } from './subscription-state.ts'

/** Connects the engine's tasks with the functions that carry them out. */
export function connectPlannedWork(engine: Engine): void {
  const { store } = engine
  engine.onDue('settlePayment', (id) => {
    if (store.get('payment_intent', id)?.status === 'processing') settlePayment(engine, id)
  })
  engine.onDue('expireAuthorization', (id) => {
    const intent = store.get('payment_intent', id)
    if (intent?.status === 'requires_capture') endIntent(engine, intent, 'automatic', 'charge.expired')
  })
  engine.onDue('failRefund', (id) => {
    if (store.get('refund', id)?.status === 'succeeded') settleRefund(engine, id, false)
  })
  engine.onDue('expireSession', (id) => {
    const session = store.get('checkout.session', id)
    if (session?.status === 'open') expireSession(engine, session)
  })
  engine.onDue('finalizeInvoice', (id) => {
    const invoice = store.get('invoice', id)
    if (invoice?.status !== 'draft') return
    finalizeInvoice(engine, invoice)
    if (store.get('invoice', id)?.status === 'open' && invoice.collection_method === 'charge_automatically')
      collect(engine, invoice)
  })
  engine.onDue('collectInvoice', (id) => {
    const invoice = store.get('invoice', id)
    if (invoice?.status === 'open') collect(engine, invoice)
  })
  connectSubscriptions(engine)
}

function connectSubscriptions(engine: Engine): void {
  const { store } = engine
  engine.onDue('renewSubscription', (id) => {
    const subscription = store.get('subscription', id)
    if (subscription) renewSubscription(engine, subscription)
  })
  engine.onDue('expireSubscription', (id) => {
    const subscription = store.get('subscription', id)
    if (subscription) expireIncomplete(engine, subscription)
  })
  engine.onDue('nextSchedulePhase', (id) => {
    const schedule = store.get('subscription_schedule', id)
    if (schedule?.status === 'active') nextSchedulePhase(engine, schedule)
  })
  engine.onDue('cancelSubscription', (id) => {
    const subscription = store.get('subscription', id)
    if (subscription) endSubscription(engine, subscription, 'cancellation_requested')
  })
  engine.onDue('resumeSubscription', (id) => {
    const subscription = store.get('subscription', id)
    if (subscription)
      change(engine, subscription, { pause_collection: null }, 'customer.subscription.updated')
  })
  engine.onDue('warnOfTrialEnd', (id) => {
    const subscription = store.get('subscription', id)
    engine.trialWarnings.add(id)
    if (subscription?.status === 'trialing') engine.emit('customer.subscription.trial_will_end', subscription)
  })
}
