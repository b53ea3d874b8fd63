import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createPaymentsClient } from '../../../functions/client/index.ts'

const request = {
  mode: 'payment' as const,
  lineItems: [{ priceId: 'price_1', quantity: 2 }],
  successUrl: 'https://shop.example/done',
  cancelUrl: 'https://shop.example/back',
}

let server: Server
let baseUrl: string
let answer: { status: number; body: string }
let received: { method?: string; url?: string; headers: IncomingMessage['headers']; body: string }[]

beforeAll(async () => {
  server = createServer((incoming, response) => {
    let body = ''
    incoming.on('data', (chunk) => {
      body += chunk
    })
    incoming.on('end', () => {
      received.push({ method: incoming.method, url: incoming.url, headers: incoming.headers, body })
      response.writeHead(answer.status).end(answer.body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, resolve))
  baseUrl = `http://localhost:${(server.address() as AddressInfo).port}`
})

afterAll(() => {
  server.close()
  server.closeAllConnections()
})

beforeEach(() => {
  received = []
  answer = { status: 201, body: '{"checkoutSession":{"id":"1"}}' }
})

describe('the client', () => {
  it('posts the request as it is, with the token of the moment', async () => {
    const tokens = ['first', 'second']
    const payments = createPaymentsClient({ baseUrl, getToken: async () => tokens.shift() })
    await payments.stripe.createCheckoutSession('test', request)
    await payments.stripe.createCheckoutSession('live', request)
    await payments.stripe.createCustomerPortalSession('test', { subject: { type: 'team', id: '42' } })
    expect(received.map(({ method, url, headers }) => [method, url, headers.authorization])).toEqual([
      ['POST', '/api/payments/stripe/test/checkout-sessions', 'Bearer first'],
      ['POST', '/api/payments/stripe/live/checkout-sessions', 'Bearer second'],
      ['POST', '/api/payments/stripe/test/customer-portal-sessions', undefined],
    ])
    expect(received.map(({ headers }) => headers['content-type'])).toEqual(Array(3).fill('application/json'))
    expect(JSON.parse(received[0]?.body ?? '')).toEqual(request)
  })

  it('keeps a path in the base URL, with or without a slash at its end', async () => {
    for (const slash of ['', '/', '//']) {
      await createPaymentsClient({ baseUrl: `${baseUrl}/edge${slash}` }).stripe.createCheckoutSession(
        'test',
        request,
      )
    }
    expect(received.map(({ url }) => url)).toEqual(
      Array(3).fill('/edge/api/payments/stripe/test/checkout-sessions'),
    )
  })

  it('gives the data of a good answer', async () => {
    expect(await createPaymentsClient({ baseUrl }).stripe.createCheckoutSession('test', request)).toEqual({
      data: { checkoutSession: { id: '1' } },
      error: null,
    })
  })

  it('gives the error of an answer that says no, and does not throw', async () => {
    answer = {
      status: 409,
      body: '{"error":"PAYMENT_CHECKOUT_ALREADY_EXISTS","message":"Taken.","statusCode":409,"nextActions":"Take another."}',
    }
    expect(await createPaymentsClient({ baseUrl }).stripe.createCheckoutSession('test', request)).toEqual({
      data: null,
      error: {
        error: 'PAYMENT_CHECKOUT_ALREADY_EXISTS',
        message: 'Taken.',
        statusCode: 409,
        nextActions: 'Take another.',
      },
    })
  })

  it.each(['<html>Bad Gateway</html>', '', '"text"', '{}', 'null'])(
    'makes an error of an answer that is not of this API: %j',
    async (body) => {
      answer = { status: 502, body }
      expect(await createPaymentsClient({ baseUrl }).stripe.createCheckoutSession('test', request)).toEqual({
        data: null,
        error: {
          error: 'UNEXPECTED_RESPONSE',
          message: 'The answer with status 502 is not one of the payments API.',
          statusCode: 502,
        },
      })
    },
  )

  it('takes a page that answers 200 for what it is: not this API', async () => {
    answer = { status: 200, body: '<html>Sign in</html>' }
    const { error } = await createPaymentsClient({ baseUrl }).stripe.createCheckoutSession('test', request)
    expect(error).toMatchObject({ error: 'UNEXPECTED_RESPONSE', statusCode: 200 })
  })

  it('gives status 0 when nobody answers', async () => {
    const payments = createPaymentsClient({ baseUrl: 'http://127.0.0.1:1' })
    const { data, error } = await payments.stripe.createCheckoutSession('test', request)
    expect(data).toBeNull()
    expect(error).toMatchObject({ error: 'NETWORK_ERROR', statusCode: 0 })
  })

  it('gives status 0 when the caller gives up', async () => {
    const { error } = await createPaymentsClient({ baseUrl }).stripe.createCheckoutSession('test', request, {
      signal: AbortSignal.abort(),
    })
    expect(error).toMatchObject({ error: 'NETWORK_ERROR', statusCode: 0 })
    expect(received).toEqual([])
  })

  it('sends nothing when the token cannot be obtained', async () => {
    const payments = createPaymentsClient({
      baseUrl,
      getToken: () => {
        throw new Error('signed out')
      },
    })
    const { error } = await payments.stripe.createCheckoutSession('test', request)
    expect(error).toMatchObject({
      error: 'TOKEN_ERROR',
      statusCode: 0,
      message: 'The access token could not be obtained: signed out',
    })
    expect(received).toEqual([])
  })

  it('says what is missing when it is made without an address', () => {
    const sentence =
      'createPaymentsClient needs baseUrl, the address of the payment handlers, for example https://api.example.'
    for (const options of [undefined, {}, { baseUrl: '' }])
      expect(() => createPaymentsClient(options as never)).toThrow(sentence)
  })

  it('names an argument that is missing or cannot be sent, at once, and sends nothing', async () => {
    const { stripe, createCheckoutSession } = createPaymentsClient({ baseUrl })
    const missing = undefined as never
    const noRequest = 'The request is missing: pass it after the environment. Nothing was sent.'
    const noId = 'The id of the Checkout Session is missing: pass it after the environment. Nothing was sent.'
    const bigint = { ...request, lineItems: [{ priceId: 'price_1', quantity: 2n as never }] }
    const loop: Record<string, unknown> = {}
    loop.metadata = loop
    const said = async (call: Promise<{ error: unknown }>) => (await call).error
    const refused = (message: string) => ({ error: 'INVALID_INPUT', statusCode: 0, message })
    expect(await said(stripe.createCheckoutSession('test', missing))).toEqual(refused(noRequest))
    expect(await said(stripe.createCustomerPortalSession('test', missing))).toEqual(refused(noRequest))
    expect(await said(createCheckoutSession('test', missing))).toEqual(refused(noRequest))
    expect(await said(stripe.getCheckoutSession('test', missing))).toEqual(refused(noId))
    expect(await said(stripe.confirmCheckoutSession('test', ''))).toEqual(refused(noId))
    expect(await said(stripe.waitForCheckoutSession('test', missing))).toEqual(refused(noId))
    expect(await said(stripe.createCheckoutSession('test', bigint))).toEqual(
      refused(
        'The request cannot be written as JSON: quantity is a bigint. Pass Number(quantity). Nothing was sent.',
      ),
    )
    expect(await said(stripe.createCheckoutSession('test', loop as never))).toMatchObject({
      error: 'INVALID_INPUT',
      message: expect.stringMatching(
        /^The request cannot be written as JSON: .*circular.* Nothing was sent\.$/s,
      ),
    })
    expect(received).toEqual([])
  })

  it('uses the fetch that it is given', async () => {
    const asked: string[] = []
    const payments = createPaymentsClient({
      baseUrl,
      fetch: (input, init) => {
        asked.push(String(input))
        return fetch(input, init)
      },
    })
    await payments.stripe.createCheckoutSession('test', request)
    expect(asked).toEqual([`${baseUrl}/api/payments/stripe/test/checkout-sessions`])
  })
})

it('the SDK has no dependency: it imports types only', () => {
  const source = readFileSync(new URL('../../../functions/client/index.ts', import.meta.url), 'utf8')
  const imports = source.match(/^(import|export)\b[^;]*?\bfrom\b.*$/gms) ?? []
  expect(imports.length).toBeGreaterThan(0)
  for (const line of imports) expect(line).toMatch(/^(import|export) type /)
  expect(source).not.toMatch(/\bimport\(/)
})
