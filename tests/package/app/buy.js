// What the app's page does: a signed-in owner begins a checkout for the team.
import { SignJWT } from 'jose'
import { createPaymentsClient } from 'pg-payments/client'

const [user, team, priceId] = process.argv.slice(2)
const token = await new SignJWT({ role: 'authenticated', sub: user })
  .setProtectedHeader({ alg: 'HS256' })
  .setExpirationTime('1h')
  .sign(new TextEncoder().encode(process.env.PAYMENTS_JWT_SECRET))
const payments = createPaymentsClient({ baseUrl: process.env.PAYMENTS_API_URL, getToken: () => token })
const { data, error } = await payments.stripe.createCheckoutSession('test', {
  mode: 'subscription',
  subject: { type: 'team', id: team },
  lineItems: [{ priceId, quantity: 1 }],
  successUrl: 'https://app.example/billing?done',
  cancelUrl: 'https://app.example/billing',
})
if (error) throw new Error(error.message)
console.log(data.checkoutSession.url)
