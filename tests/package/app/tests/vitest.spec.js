import { afterAll, expect, test } from 'vitest'
import { planOf, start, team } from './life.js'

const billing = await start()
afterAll(() => billing.close())

test('a team subscribes, renews, cancels, gets its money back and buys again', async () => {
  const { id, owner } = await team(billing)
  const ada = await billing.signIn(owner)
  const buy = {
    price: await billing.price({ amount: 900, interval: 'month' }),
    subject: { type: 'team', id },
  }
  const session = await ada.checkout(buy)
  await billing.pay(session)
  expect(await planOf(billing, id)).toBe('pro')
  await billing.renew(session)
  await billing.cancel(session)
  await billing.refund(session)
  expect(await planOf(billing, id)).toBe(null)
  await billing.pay(await ada.checkout(buy))
  expect(await planOf(billing, id)).toBe('pro')
})
