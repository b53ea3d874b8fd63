import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { planOf, start, team } from './life.js'

const billing = await start()
after(() => billing.close())

test('a team subscribes, renews, cancels, gets its money back and buys again', async () => {
  const { id, owner } = await team(billing)
  const ada = await billing.signIn(owner)
  const buy = {
    price: await billing.price({ amount: 900, interval: 'month' }),
    subject: { type: 'team', id },
  }
  const session = await ada.checkout(buy)
  await billing.pay(session)
  assert.equal(await planOf(billing, id), 'pro')
  await billing.renew(session)
  await billing.cancel(session)
  await billing.refund(session)
  assert.equal(await planOf(billing, id), null)
  await billing.pay(await ada.checkout(buy))
  assert.equal(await planOf(billing, id), 'pro')
})
