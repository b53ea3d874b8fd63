import fc from 'fast-check'
import { Stripe } from 'stripe'
import { describe, expect, it } from 'vitest'
import { findNodeCrypto } from '../../../functions/core/runtime.ts'
import { storable } from '../../../functions/core/storable.ts'
import { isSignedByStripe } from '../../../functions/events/signature.ts'

const sdk = new Stripe('sk_test_1')
const secret = 'whsec_test'
const now = Date.UTC(2026, 0, 1)
const seconds = now / 1000
const bytes = (text: string) => new TextEncoder().encode(text)
const sign = (payload: string, timestamp = seconds, by = secret) =>
  sdk.webhooks.generateTestHeaderString({ payload, timestamp, secret: by })

/** Both ways to compute it must say the same. */
async function ours(payload: string, header: string, secrets = [secret]): Promise<boolean> {
  const native = findNodeCrypto()
  if (!native) throw new Error('This runtime has no crypto of Node.')
  const [one, other] = await Promise.all(
    [native, null].map((crypto) => isSignedByStripe(bytes(payload), header, secrets, now, crypto)),
  )
  expect(one).toBe(other)
  return one as boolean
}

const theirs = (payload: string, header: string) =>
  sdk.webhooks.constructEventAsync(payload, header, secret, 300, undefined, now).then(
    () => true,
    () => false,
  )

describe('a signature', () => {
  it('of exactly this body counts', async () => {
    expect(await ours('{"a":1}', sign('{"a":1}'))).toBe(true)
  })

  it('of another body does not', async () => {
    expect(await ours('{"a":2}', sign('{"a":1}'))).toBe(false)
  })

  it('by another secret does not', async () => {
    expect(await ours('{}', sign('{}', seconds, 'whsec_other'))).toBe(false)
  })

  it('counts for 300 seconds and not for 301', async () => {
    expect(await ours('{}', sign('{}', seconds - 300))).toBe(true)
    expect(await ours('{}', sign('{}', seconds - 301))).toBe(false)
  })

  it('counts when any of the secrets in use has made it', async () => {
    expect(await ours('{}', sign('{}'), ['whsec_new', secret])).toBe(true)
  })

  it('counts when any of the signatures in the header is right', async () => {
    expect(await ours('{}', `${sign('{}', seconds, 'whsec_other')},${sign('{}').split(',')[1]}`)).toBe(true)
  })

  it('never counts without a secret, not even with an empty one', async () => {
    expect(await ours('{}', sign('{}'), [])).toBe(false)
    expect(await ours('{}', sign('{}', seconds, ''), [''])).toBe(false)
  })

  it.each([
    '',
    't=',
    'v1=',
    't=abc,v1=00',
    `t=${seconds}`,
    `t=${seconds},v0=${'0'.repeat(64)}`,
    't=1e9,v1=00',
    '💳',
  ])('header %j does not', async (header) => {
    expect(await ours('{}', header)).toBe(false)
  })

  it('is judged as the official SDK judges it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.json(),
        fc.constantFrom(secret, 'whsec_other'),
        fc.integer({ min: -400, max: 100 }),
        fc.constantFrom(
          (header: string) => header,
          (header: string) => header.replace('v1', 'v0'),
          (header: string) => header.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
          (header: string) => header.split(',').reverse().join(','),
          (header: string) => `${header},v1=${'f'.repeat(64)}`,
          (header: string) => header.slice(0, -1),
        ),
        fc.constantFrom('', ' '),
        async (payload, by, offset, change, addition) => {
          const header = change(sign(payload, seconds + offset, by))
          expect(await ours(payload + addition, header)).toBe(await theirs(payload + addition, header))
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('a body that Postgres could not store', () => {
  it.each([
    ['{"a":"x\\u0000y"}', '{"a":"x\\ufffdy"}'],
    ['{"a":"\\ud83d"}', '{"a":"\\ufffd"}'],
    ['{"a":"\\ude00 \\uD83D\\ude00"}', '{"a":"\\ufffd \\uD83D\\ude00"}'],
    ['{"a":"\\ud83d\\ud83d\\ude00"}', '{"a":"\\ufffd\\ud83d\\ude00"}'],
  ])('%s is kept as %s', (body, kept) => {
    expect(storable(body)).toBe(kept)
  })

  it.each(['{"a":"\\\\u0000"}', '{"a":"\\ud83d\\ude00"}', '{"a":"\\u00e9\\n\\\\\\u0041"}', '{}'])(
    '%s is not one and stays as it is',
    (body) => {
      expect(storable(body)).toBe(body)
    },
  )

  it('means the same as before, apart from what was replaced', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('\u0000', '\ud83d', '\ude00', '\\', 'u', '0', '"', 'x')),
        (parts) => {
          const text = parts.join('')
          const escaped = JSON.stringify({ text })
          const expected = text.replaceAll('\u0000', '\ufffd').replace(/\p{Surrogate}/gu, '\ufffd')
          expect(JSON.parse(storable(escaped)).text).toBe(expected)
        },
      ),
      { numRuns: 2000 },
    )
  })
})
