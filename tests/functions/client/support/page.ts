/** A page of an app with the React hooks; the test bundles it for a browser. */
import { createElement as h, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { createPaymentsClient } from '../../../../functions/client/index.ts'
import { useCheckout, useCheckoutStatus, usePortal } from '../../../../functions/client/react.ts'

declare const SETTINGS: { baseUrl: string; token: string; price: string }

const { baseUrl, token, price } = SETTINGS
const payments = createPaymentsClient({ baseUrl, getToken: () => token })
const subject = { type: 'user', id: 'ada' }

function Shop() {
  const { start, isBusy, error } = useCheckout(payments, 'test')
  const portal = usePortal(payments, 'test')
  const buy = (priceId: string) =>
    start({
      mode: 'payment',
      lineItems: [{ priceId }],
      subject,
      successUrl: `${location.origin}/done?session={CHECKOUT_SESSION_ID}`,
      cancelUrl: location.href,
    })
  return h(
    'main',
    null,
    h('button', { type: 'button', onClick: () => [buy(price), buy(price)], disabled: isBusy }, 'Buy'),
    h('button', { type: 'button', onClick: () => buy('price_nobody') }, 'Buy nothing'),
    h(
      'button',
      { type: 'button', onClick: () => portal.open({ subject, returnUrl: location.href }) },
      'Manage',
    ),
    h('p', { role: 'alert' }, error?.message ?? portal.error?.message ?? ''),
  )
}

function Done() {
  const id = new URLSearchParams(location.search).get('session')
  const { state, session, error } = useCheckoutStatus(payments, 'test', id, { timeoutMs: 30_000 })
  return h('p', { role: 'status' }, [state, session?.paymentStatus, error?.error].filter(Boolean).join(' '))
}

createRoot(document.body.appendChild(document.createElement('div'))).render(
  h(StrictMode, null, h(location.pathname === '/done' ? Done : Shop)),
)
