/** The page on which a customer authenticates a payment, as the bank's page of 3-D Secure does. */
import type { Engine } from '../core/engine.ts'
import { StripeFailure } from '../core/errors.ts'
import { formatAmount } from '../core/money.ts'
import type { CheckoutSession, PaymentIntent } from '../core/types.ts'
import { authenticateSession } from '../resources/checkout.ts'
import { authenticateIntent } from '../resources/payment-intents.ts'
import { type PageAnswer, renderNotice, showCheckout, successUrlOf } from './checkout.ts'
import { html, renderPage, safeUrl } from './html.ts'

/** The open session that waits for the authentication of a payment intent or setup intent. */
function sessionWaitingFor(engine: Engine, id: string): CheckoutSession | undefined {
  return engine.store.list('checkout.session').find((session) => {
    const details = engine.sessions.get(session.id)
    if (session.status !== 'open' || !details?.entered) return false
    if (session.id === id || session.payment_intent === id || session.setup_intent === id) return true
    const subscription = engine.store.get('subscription', details.incompleteSubscription ?? '')
    const payment = engine.store.list('invoice_payment').find((item) => item.payment.payment_intent === id)
    return payment !== undefined && payment.invoice === subscription?.latest_invoice
  })
}

/**
 * Authenticates a checkout session or an intent, or fails to.
 * @throws the error that the customer's next attempt would show
 */
export function authenticate(engine: Engine, id: string, succeeds: boolean): CheckoutSession | PaymentIntent {
  const session = sessionWaitingFor(engine, id) ?? engine.store.get('checkout.session', id)
  return session
    ? authenticateSession(engine, session.id, succeeds)
    : authenticateIntent(engine, id, succeeds)
}

/** `GET /3ds/:intent` */
export function showAuthentication(engine: Engine, id: string): PageAnswer {
  const intent = engine.store.get('payment_intent', id) ?? engine.store.get('setup_intent', id)
  if (intent?.status !== 'requires_action')
    return renderNotice(410, 'There is nothing to confirm', 'The payment does not wait for you.', null)
  const amount = 'amount' in intent ? ` of ${formatAmount(intent.amount, intent.currency)}` : ''
  const body = html`<section class="card" aria-labelledby="confirm">
    <h1 id="confirm">Your bank asks: is this you?</h1>
    <p>Confirm the payment${amount}, or refuse it.</p>
    <form class="inline" method="post" action="/3ds/${id}">
      <button name="outcome" value="complete">Complete</button>
      <button name="outcome" value="fail" class="quiet">Fail</button>
    </form>
  </section>`
  return { status: 200, body: renderPage('Confirm – Local Stripe', body) }
}

/** `POST /3ds/:intent`: returns to the shop, or shows why the payment failed. */
export function submitAuthentication(engine: Engine, id: string, form: URLSearchParams): PageAnswer {
  const session = sessionWaitingFor(engine, id)
  const returnUrl = engine.store.get('payment_intent', id)?.next_action?.redirect_to_url?.return_url ?? null
  try {
    const done = authenticate(engine, id, form.get('outcome') === 'complete')
    if (done.object === 'checkout.session') {
      const location = successUrlOf(done as CheckoutSession)
      return location === null ? showCheckout(engine, done.id) : { status: 303, location }
    }
    return returnTo(engine, id, returnUrl, 'succeeded')
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error
    if (session) return showCheckout(engine, session.id, error.message)
    return returnTo(engine, id, returnUrl, 'failed')
  }
}

/** Leads back to the `return_url` of the confirmation, with the parameters that Stripe adds. */
function returnTo(engine: Engine, id: string, url: string | null, status: string): PageAnswer {
  const target = safeUrl(url)
  const secret = engine.store.get('payment_intent', id)?.client_secret
  if (target === null)
    return renderNotice(200, `The confirmation has ${status}`, 'You can close this page.', null)
  const location = new URL(target)
  location.searchParams.set('payment_intent', id)
  location.searchParams.set('payment_intent_client_secret', secret ?? '')
  location.searchParams.set('redirect_status', status)
  return { status: 303, location: location.href }
}
