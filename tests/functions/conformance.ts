/**
 * What the HTTP API promises, over a base URL: the same promises for every runtime. Each runtime's test file starts its
 * server and calls this.
 */
import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { VERSION } from '../../functions/core/version.ts'
import { servesDashboard } from './support/dashboard.ts'
import { eventOf, productEvent, signatureOf } from './support/events.ts'
import { ADMIN_KEY, ANON_KEY, type System, startSystem, WEBHOOK_SECRET, written } from './support/system.ts'
import { JWT_SECRET, token, userToken } from './support/tokens.ts'

export type RunningServer = {
  url: string
  /** The log so far. */
  log(): string
  stop(): Promise<void>
}

// biome-ignore lint/suspicious/noExplicitAny: bodies are compared here, and wrong on purpose
type Body = Record<string, any>

type Answer = { status: number; headers: Headers; text: string; body: Body }

export function conformance(start: (env: Record<string, string>) => Promise<RunningServer>): void {
  let system: System
  let server: RunningServer
  let answers: string[] = []

  beforeAll(async () => {
    system = await startSystem({ deliver: false })
    server = await start(system.env)
  })

  afterAll(async () => {
    await server?.stop()
    await system?.close()
  })

  beforeEach(() => system.asked.forget())

  async function call(path: string, init: RequestInit = {}): Promise<Answer> {
    const response = await fetch(`${server.url}${path}`, init)
    const text = await response.text()
    answers.push(text)
    let body = {}
    try {
      body = JSON.parse(text)
    } catch {}
    return { status: response.status, headers: response.headers, text, body }
  }

  const post = (path: string, body: unknown, { bearer, ...headers }: Record<string, string> = {}) =>
    call(path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(bearer ? { authorization: `Bearer ${bearer}` } : {}),
        ...headers,
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })

  const checkout = (body: unknown, bearer?: string, environment = 'test') =>
    post(`/api/payments/stripe/${environment}/checkout-sessions`, body, bearer ? { bearer } : {})

  const portal = (body: unknown, bearer?: string, environment = 'test') =>
    post(`/api/payments/stripe/${environment}/customer-portal-sessions`, body, bearer ? { bearer } : {})

  const deliver = (event: object | string, signature?: string | null, environment = 'test') => {
    const body = typeof event === 'string' ? event : JSON.stringify(event)
    const header = signature === undefined ? signatureOf(body) : signature
    return post(
      `/api/webhooks/stripe/${environment}`,
      body,
      header === null ? {} : { 'stripe-signature': header },
    )
  }

  const cap = () => ({
    mode: 'payment',
    lineItems: [{ priceId: system.prices.once, quantity: 2 }],
    successUrl: 'https://shop.example/done?session={CHECKOUT_SESSION_ID}',
    cancelUrl: 'https://shop.example/back',
  })

  const plan = (subject: object) => ({
    ...cap(),
    mode: 'subscription',
    lineItems: [{ priceId: system.prices.monthly }],
    subject,
  })

  /** Runs something that must neither write a row nor ask Stripe. */
  async function withoutEffect(work: () => Promise<Answer>): Promise<Answer> {
    const before = await written(system.database)
    const answer = await work()
    expect(await written(system.database)).toEqual(before)
    expect(system.asked.seen()).toEqual([])
    return answer
  }

  async function refused(
    work: () => Promise<Answer>,
    status: number,
    error: string,
    message: string | RegExp,
  ): Promise<Answer> {
    const answer = await withoutEffect(work)
    expect(answer.body).toMatchObject({
      error,
      statusCode: status,
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    })
    expect(answer.status).toBe(status)
    return answer
  }

  it('the dashboard exchanges the admin key for a cookie that its own page alone can use', async () => {
    const page = { 'sec-fetch-site': 'same-origin' }
    expect((await call('/dashboard/session')).body).toMatchObject({ session: null, canSignIn: true })
    expect((await call('/dashboard/api/stripe/config', { headers: page })).status).toBe(401)
    const signedIn = await post('/dashboard/session', { key: ADMIN_KEY }, page)
    expect(signedIn.status).toBe(201)
    const cookie = signedIn.headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(/^payments-dashboard=\S+; Max-Age=3600; HttpOnly; SameSite=Strict$/)
    const headers = { cookie: cookie.split(';')[0] ?? '', ...page }
    expect((await call('/dashboard/api/stripe/config', { headers })).status).toBe(200)
    expect((await call('/api/payments/stripe/config', { headers })).status).toBe(401)
    const change = {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: '{"name":"Cap"}',
    }
    const path = '/dashboard/api/stripe/test/catalog/products'
    expect((await call(path, change)).status).toBe(403)
    const { csrfToken } = signedIn.body.session
    const allowed = await call(path, { ...change, headers: { ...change.headers, 'x-csrf-token': csrfToken } })
    expect(allowed.status, allowed.text).toBe(201)
    const foreign = { cookie: headers.cookie, 'sec-fetch-site': 'cross-site', 'x-csrf-token': csrfToken }
    expect((await call('/dashboard/api/stripe/config', { headers: foreign })).status).toBe(403)
  })

  it('the page of the dashboard and its files are served with their policies', () =>
    servesDashboard(server.url))

  describe('GET /health', () => {
    it('says that the database answers', async () => {
      const { status, body } = await call('/health')
      expect(status).toBe(200)
      expect(body).toEqual({ status: 'ok', database: 'ok', version: VERSION })
    })
  })

  describe('an address', () => {
    it('that does not exist is a 404 in JSON', async () => {
      const { status, body } = await call('/api/payments/nothing')
      expect(status).toBe(404)
      expect(body).toEqual({
        error: 'NOT_FOUND',
        message: 'There is nothing at this address.',
        statusCode: 404,
      })
    })

    it.each([
      ['GET', '/api/payments/stripe/test/checkout-sessions', 'POST'],
      ['DELETE', '/api/payments/stripe/test/customer-portal-sessions', 'POST'],
      ['GET', '/api/webhooks/stripe/test', 'POST'],
      ['POST', '/health', 'GET'],
    ])(
      'asked with the wrong method is a 405 that names the right one: %s %s',
      async (method, path, allowed) => {
        const { status, headers, body } = await call(path, { method })
        expect(status).toBe(405)
        expect(headers.get('allow')).toBe(allowed)
        expect(body).toMatchObject({
          error: 'METHOD_NOT_ALLOWED',
          message: `This address takes ${allowed} only.`,
        })
      },
    )
  })

  describe('a browser', () => {
    it.each(['checkout-sessions', 'customer-portal-sessions'])(
      'may call %s from any origin',
      async (route) => {
        const { status, headers } = await call(`/api/payments/stripe/test/${route}`, {
          method: 'OPTIONS',
          headers: {
            origin: 'https://shop.example',
            'access-control-request-method': 'POST',
            'access-control-request-headers': 'authorization,content-type',
          },
        })
        expect(status).toBe(204)
        expect(headers.get('access-control-allow-origin')).toBe('*')
        expect(headers.get('access-control-allow-methods')).toBe('POST')
        expect(headers.get('access-control-allow-headers')).toBe('authorization,content-type')
        expect(headers.get('access-control-allow-credentials')).toBeNull()
      },
    )

    it('can read an error', async () => {
      const { headers } = await post('/api/payments/stripe/test/checkout-sessions', '{', {
        origin: 'https://shop.example',
      })
      expect(headers.get('access-control-allow-origin')).toBe('*')
    })

    it('may not call the webhook', async () => {
      const { headers } = await call('/api/webhooks/stripe/test', {
        method: 'OPTIONS',
        headers: { origin: 'https://shop.example' },
      })
      expect(headers.get('access-control-allow-origin')).toBeNull()
    })
  })

  describe('a checkout', () => {
    it('by anyone, without a subject, gives a session with a page to pay on', async () => {
      const { status, body } = await checkout({
        ...cap(),
        customerEmail: 'ada@example.com',
        metadata: { order_id: '7' },
      })
      expect(status).toBe(201)
      expect(body).toEqual({
        checkoutSession: {
          id: expect.stringMatching(/^[0-9a-f-]{36}$/),
          environment: 'test',
          mode: 'payment',
          status: 'open',
          paymentStatus: 'unpaid',
          subjectType: null,
          subjectId: null,
          customerEmail: 'ada@example.com',
          checkoutSessionId: expect.stringMatching(/^cs_test_/),
          customerId: null,
          paymentIntentId: null,
          subscriptionId: null,
          url: expect.stringMatching(/^http/),
          clientSecret: null,
          lastError: null,
          createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
          updatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        },
      })
      const { id, checkoutSessionId } = body.checkoutSession
      const atStripe = await system.api.checkout.sessions.retrieve(checkoutSessionId, {
        expand: ['line_items'],
      })
      expect(atStripe).toMatchObject({
        client_reference_id: id,
        amount_total: 3800,
        customer_email: 'ada@example.com',
      })
      expect(atStripe.metadata).toMatchObject({ order_id: '7' })
      const rows = await system.database.sql`
        select status, checkout_session_id from payments.stripe_checkout_sessions where id = ${id}`
      expect(rows).toEqual([{ status: 'open', checkout_session_id: checkoutSessionId }])
    })

    it('asks Stripe once, with the pinned API version and an idempotency key', async () => {
      await checkout(cap())
      expect(system.asked.seen()).toHaveLength(1)
      expect(system.asked.seen()[0]).toMatchObject({
        method: 'POST',
        path: '/v1/checkout/sessions',
        headers: {
          'idempotency-key': expect.stringMatching(/^pg-payments:test:checkout_session:/),
          'stripe-version': expect.stringMatching(/^\d{4}-\d\d-\d\d\.\w+$/),
        },
      })
    })

    it('of a subscription by a signed-in user belongs to that user', async () => {
      const { status, body } = await checkout(plan({ type: 'user', id: 'ada' }), await userToken('ada'))
      expect(status).toBe(201)
      expect(body.checkoutSession).toMatchObject({
        mode: 'subscription',
        subjectType: 'user',
        subjectId: 'ada',
      })
    })

    it('takes 1 for a quantity that is left out', async () => {
      const { body } = await checkout({ ...cap(), lineItems: [{ priceId: system.prices.once }] })
      const session = await system.api.checkout.sessions.retrieve(body.checkoutSession.checkoutSessionId)
      expect(session.amount_total).toBe(1900)
    })

    it('with the anonymous key is one by anyone', async () => {
      expect((await checkout(cap(), ANON_KEY)).status).toBe(201)
      expect((await checkout(cap(), await token({ role: 'anon' }))).status).toBe(201)
    })

    it('for a subject that no policy lets the caller bill is refused, and Postgres is not quoted', async () => {
      const asked = async () => checkout(plan({ type: 'team', id: '42' }), await userToken('mallory'))
      const { body } = await refused(
        asked,
        403,
        'AUTH_UNAUTHORIZED',
        'Row level security does not allow this caller to bill this subject.',
      )
      expect(body.nextActions).toContain('add a policy')
      expect(server.log()).toContain('42501')
    })

    it('for a subject that guests may not bill tells a guest to sign in', async () => {
      for (const guest of [undefined, ANON_KEY]) {
        const { body } = await refused(
          () => checkout(plan({ type: 'team', id: '42' }), guest),
          403,
          'AUTH_UNAUTHORIZED',
          'Row level security does not allow this caller to bill this subject.',
        )
        expect(body.nextActions).toBe(
          'Sign in and send the access token: without one the caller is a guest. If guests may bill this subject, add a policy that lets anon do so on payments.stripe_checkout_sessions.',
        )
      }
    })
  })

  describe('an idempotency key', () => {
    it('with the same request gives the same session, and Stripe is asked once', async () => {
      const request = { ...cap(), idempotencyKey: randomUUID() }
      const ada = await userToken('ada')
      const first = await checkout(request, ada)
      const second = await checkout(request, ada)
      expect([first.status, second.status]).toEqual([201, 201])
      expect(second.body).toEqual(first.body)
      expect(system.asked.seen()).toHaveLength(1)
    })

    it('of a request that Stripe refused passes to the corrected request', async () => {
      const request = { ...cap(), idempotencyKey: randomUUID() }
      const ada = await userToken('ada')
      const wrong = await checkout({ ...request, lineItems: [{ priceId: 'price_typo' }] }, ada)
      expect(wrong).toMatchObject({
        status: 400,
        body: {
          error: 'UPSTREAM_FAILURE',
          nextActions: 'Correct what Stripe refuses, and send the request again.',
        },
      })
      expect((await checkout(request, ada)).status).toBe(201)
    })

    it('with another request is refused', async () => {
      const request = { ...cap(), idempotencyKey: randomUUID() }
      const ada = await userToken('ada')
      await checkout(request, ada)
      system.asked.forget()
      const other = () => checkout({ ...request, metadata: { order_id: '8' } }, ada)
      await refused(other, 409, 'PAYMENT_CHECKOUT_ALREADY_EXISTS', /idempotency key/)
    })

    it('of one user neither shows nor blocks the session of another', async () => {
      const request = { ...cap(), idempotencyKey: randomUUID() }
      const [ada, bob] = [
        await checkout(request, await userToken('ada')),
        await checkout(request, await userToken('bob')),
      ]
      expect([ada.status, bob.status]).toEqual([201, 201])
      expect(bob.body.checkoutSession.id).not.toBe(ada.body.checkoutSession.id)
    })

    it('makes one session of many requests at once', async () => {
      const request = { ...cap(), idempotencyKey: randomUUID() }
      const ada = await userToken('ada')
      const answers = await Promise.all(Array.from({ length: 8 }, () => checkout(request, ada)))
      expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(201))
      expect(new Set(answers.map(({ body }) => body.checkoutSession.checkoutSessionId)).size).toBe(1)
    })
  })

  describe('a request that is wrong', () => {
    const wrong: [string, (body: Body) => unknown, string | RegExp][] = [
      ['is not JSON', () => '{"mode":', 'The body is not JSON.'],
      ['is empty', () => '', 'The body is not JSON.'],
      [
        'has a field that libraries drop',
        () => '{"metadata":{"\\u005f_proto__":"x"}}',
        'The body may not have a field named __proto__.',
      ],
      ['is a list', () => [], /^The body .*\.$/],
      ['is null', () => null, /^The body .*\.$/],
      ['misses a field', ({ mode, ...rest }) => rest, 'mode is required.'],
      [
        'misses the price',
        (b) => ({ ...b, lineItems: [{ quantity: 1 }] }),
        'lineItems[0].priceId is required.',
      ],
      [
        'has an empty price',
        (b) => ({ ...b, lineItems: [{ priceId: ' ' }] }),
        'lineItems[0].priceId must not be empty.',
      ],
      ['has an unknown field', (b) => ({ ...b, trialDays: 7 }), 'trialDays is not a known field.'],
      [
        'has an unknown field further in',
        (b) => ({ ...b, lineItems: [{ priceId: 'p', price: 1 }] }),
        'lineItems[0].price is not a known field.',
      ],
      [
        'has an unknown mode',
        (b) => ({ ...b, mode: 'donation' }),
        'mode must be payment, subscription or setup.',
      ],
      [
        'has a quantity of 0',
        (b) => ({ ...b, lineItems: [{ priceId: 'p', quantity: 0 }] }),
        'lineItems[0].quantity must be a whole number from 1 to 999.',
      ],
      [
        'has a quantity of 1000',
        (b) => ({ ...b, lineItems: [{ priceId: 'p', quantity: 1000 }] }),
        'lineItems[0].quantity must be a whole number from 1 to 999.',
      ],
      [
        'has a quantity that no number holds exactly',
        (b) => ({ ...b, lineItems: [{ priceId: 'p', quantity: 2 ** 53 }] }),
        'lineItems[0].quantity must be a whole number from 1 to 999.',
      ],
      [
        'has half a quantity',
        (b) => ({ ...b, lineItems: [{ priceId: 'p', quantity: 1.5 }] }),
        'lineItems[0].quantity must be a whole number from 1 to 999.',
      ],
      [
        'has a quantity in text',
        (b) => ({ ...b, lineItems: [{ priceId: 'p', quantity: '1' }] }),
        'lineItems[0].quantity must be a whole number from 1 to 999.',
      ],
      ['has no items', (b) => ({ ...b, lineItems: [] }), 'lineItems must have 1 to 100 items.'],
      [
        'has 101 items',
        (b) => ({ ...b, lineItems: Array(101).fill({ priceId: 'p' }) }),
        'lineItems must have 1 to 100 items.',
      ],
      [
        'has a relative URL',
        (b) => ({ ...b, successUrl: '/done' }),
        'successUrl must be an absolute http or https URL.',
      ],
      [
        'has a javascript: URL',
        (b) => ({ ...b, cancelUrl: 'javascript:alert(1)' }),
        'cancelUrl must be an absolute http or https URL.',
      ],
      [
        'has a data: URL',
        (b) => ({ ...b, cancelUrl: 'data:text/html,x' }),
        'cancelUrl must be an absolute http or https URL.',
      ],
      [
        'has a URL without a host',
        (b) => ({ ...b, successUrl: 'https://' }),
        'successUrl must be an absolute http or https URL.',
      ],
      [
        'has a backslash before another host',
        (b) => ({ ...b, successUrl: 'https://shop.example\\@evil.example/' }),
        'successUrl must be an absolute http or https URL.',
      ],
      [
        'hides a scheme in white space',
        (b) => ({ ...b, successUrl: 'java\nscript:alert(1)//https://a.b' }),
        'successUrl must be an absolute http or https URL.',
      ],
      [
        'has a subject type that is too long',
        (b) => ({ ...b, subject: { type: 'x'.repeat(101), id: '1' } }),
        'subject.type must have at most 100 characters.',
      ],
      [
        'has a subject id that is too long',
        (b) => ({ ...b, subject: { type: 'team', id: 'x'.repeat(256) } }),
        'subject.id must have at most 255 characters.',
      ],
      ['has half a subject', (b) => ({ ...b, subject: { type: 'team' } }), 'subject.id is required.'],
      [
        'has no subject for a subscription',
        (b) => ({ ...b, mode: 'subscription' }),
        'subject is required when mode is subscription.',
      ],
      [
        'has no e-mail address',
        (b) => ({ ...b, customerEmail: 'ada' }),
        'customerEmail must be an e-mail address.',
      ],
      ['has metadata that is no text', (b) => ({ ...b, metadata: { n: 1 } }), 'metadata.n must be text.'],
      [
        'has a reserved metadata key',
        (b) => ({ ...b, metadata: { payments_subject_id: '1' } }),
        'metadata.payments_subject_id is reserved: keys may not begin with payments_ or insforge_.',
      ],
      [
        'has an older reserved metadata key',
        (b) => ({ ...b, metadata: { insforge_subject_id: '1' } }),
        /^metadata\.insforge_subject_id is reserved/,
      ],
      [
        'has a metadata key that is too long',
        (b) => ({ ...b, metadata: { ['k'.repeat(41)]: '1' } }),
        /must have a key of at most 40 characters\.$/,
      ],
      [
        'has a metadata value that is too long',
        (b) => ({ ...b, metadata: { k: 'x'.repeat(501) } }),
        'metadata.k must have at most 500 characters.',
      ],
      [
        'has too many metadata keys',
        (b) => ({ ...b, metadata: Object.fromEntries(Array.from({ length: 47 }, (_, n) => [`k${n}`, ''])) }),
        'metadata must have at most 46 keys.',
      ],
      [
        'has an idempotency key that is too long',
        (b) => ({ ...b, idempotencyKey: 'x'.repeat(201) }),
        'idempotencyKey must have at most 200 characters.',
      ],
      [
        'has an empty idempotency key',
        (b) => ({ ...b, idempotencyKey: '' }),
        'idempotencyKey must not be empty.',
      ],
      [
        'has a zero character',
        (b) => ({ ...b, subject: { type: 'user', id: 'a\u0000b' } }),
        /^subject\.id must not contain the character U\+0000/,
      ],
      [
        'has half a surrogate pair',
        (b) => ({ ...b, metadata: { k: '\ud83d' } }),
        /^metadata\.k must not contain/,
      ],
    ]

    it.each(wrong)(
      'because it %s is a 400 that names the field, and nothing happens',
      async (_, change, message) => {
        const body = change(cap())
        await refused(() => checkout(body), 400, 'INVALID_INPUT', message)
      },
    )

    it.each(['prod', 'TEST', 'test%2F', '__proto__'])(
      'because the environment is %s is a 400',
      async (environment) => {
        await refused(
          () => checkout(cap(), undefined, environment),
          400,
          'INVALID_INPUT',
          'environment must be test or live.',
        )
        const subject = { type: 'user', id: 'ada' }
        await refused(
          () => portal({ subject }, undefined, environment),
          400,
          'INVALID_INPUT',
          'environment must be test or live.',
        )
      },
    )

    it('because it is sent as another type than JSON is a 400', async () => {
      await refused(
        () => post('/api/payments/stripe/test/checkout-sessions', cap(), { 'content-type': 'text/plain' }),
        400,
        'INVALID_INPUT',
        'The body must be sent with Content-Type: application/json.',
      )
    })

    it('because its body is no object is a 400', async () => {
      for (const [begin, body] of [
        [checkout, '[]'],
        [checkout, 'null'],
        [portal, '"x"'],
      ] as const)
        await refused(
          async () => begin(body, await userToken('ada')),
          400,
          'INVALID_INPUT',
          'The body must be an object.',
        )
    })

    it.each([
      '{"subject":{}}',
      '{"subject":{"type":"user","id":"ada"},"returnUrl":"javascript:x"}',
      '{"subject":{"type":"user","id":"ada"},"x":1}',
    ])('for the portal is a 400 too: %s', async (body) => {
      await refused(
        async () => portal(body, await userToken('ada')),
        400,
        'INVALID_INPUT',
        /^(subject|returnUrl|x)\b.*\.$/,
      )
    })

    it('because of a wrong price is a 400 with what Stripe says, and the row says why', async () => {
      const request = { ...cap(), lineItems: [{ priceId: 'price_none' }], idempotencyKey: randomUUID() }
      const { status, body } = await checkout(request, await userToken('ada'))
      expect(status).toBe(400)
      expect(body).toMatchObject({
        error: 'UPSTREAM_FAILURE',
        message: expect.stringContaining('price_none'),
      })
      const rows = await system.database.sql`
        select status, last_error from payments.stripe_checkout_sessions where idempotency_key = ${request.idempotencyKey}`
      expect(rows).toEqual([{ status: 'failed', last_error: body.message }])
    })

    it('because there is no key for the environment is a 400 that says which variable to set', async () => {
      const { body } = await refused(
        () => checkout(cap(), undefined, 'live'),
        400,
        'PAYMENT_CONFIG_INVALID',
        'There is no Stripe secret key for live.',
      )
      expect(body.nextActions).toBe(
        'Store one with `pg-payments stripe config set`, or set STRIPE_LIVE_SECRET_KEY.',
      )
    })
  })

  describe('a body that is larger than 1 MB', () => {
    const large = JSON.stringify({ padding: 'x'.repeat(1_000_000) })

    it.each([
      '/api/payments/stripe/test/checkout-sessions',
      '/api/payments/stripe/test/customer-portal-sessions',
      '/api/webhooks/stripe/test',
    ])('is a 413 at %s', async (path) => {
      const send = () => post(path, large, { 'stripe-signature': signatureOf(large) })
      await refused(send, 413, 'PAYLOAD_TOO_LARGE', 'The body is larger than 1 MB.')
    })

    it('is a 413 also when it does not say so beforehand', async () => {
      const stream = new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(large))
          controller.close()
        },
      })
      const send = () =>
        call('/api/webhooks/stripe/test', {
          method: 'POST',
          headers: { 'stripe-signature': signatureOf(large) },
          body: stream,
          duplex: 'half',
        } as RequestInit)
      await refused(send, 413, 'PAYLOAD_TOO_LARGE', 'The body is larger than 1 MB.')
    })

    it('just below that limit is taken', async () => {
      const event = productEvent('prod_large', 'x')
      const body = JSON.stringify({ ...event, padding: 'x'.repeat(990_000) })
      expect((await deliver(body)).status).toBe(200)
    })
  })

  describe('a token', () => {
    const subject = { type: 'user', id: 'ada' }

    it.each([
      ['expired', () => token({ sub: 'ada', role: 'authenticated' }, { expiresIn: -60 }), 401],
      ['foreign', () => token({ sub: 'ada', role: 'authenticated' }, { secret: 'x'.repeat(40) }), 401],
      [
        'unsigned',
        () => new UnsecuredJWT({ sub: 'ada', role: 'authenticated' }).setExpirationTime('1h').encode(),
        401,
      ],
      ['no token at all', () => 'not-a-token', 401],
      ['without a role', () => token({ sub: 'ada' }), 401],
      ['for postgres', () => token({ sub: 'ada', role: 'postgres' }), 403],
      ['for payments_service', () => token({ sub: 'ada', role: 'payments_service' }), 403],
    ])('that is %s is refused everywhere, and nothing happens', async (_, make, status) => {
      const bearer = await make()
      const code = /^AUTH_(INVALID_CREDENTIALS|UNAUTHORIZED)$/
      for (const send of [() => checkout(cap(), bearer), () => portal({ subject }, bearer)]) {
        const { body, status: got } = await withoutEffect(send)
        expect(got).toBe(status)
        expect(body).toMatchObject({
          error: expect.stringMatching(code),
          statusCode: status,
          message: expect.stringMatching(/\.$/),
        })
      }
    })
  })

  describe('the admin key', () => {
    it('begins a checkout for any subject, as the service', async () => {
      const { status, body } = await checkout({ ...cap(), subject: { type: 'team', id: '7' } }, ADMIN_KEY)
      expect(status).toBe(201)
      expect(body.checkoutSession).toMatchObject({ status: 'open', subjectType: 'team', subjectId: '7' })
    })

    it('opens no portal, because it has no user', async () => {
      await refused(
        () => portal({ subject: { type: 'user', id: 'ada' } }, ADMIN_KEY),
        403,
        'AUTH_UNAUTHORIZED',
        'The admin key has no user, so it cannot open the Billing Portal.',
      )
    })
  })

  describe('the portal', () => {
    const subject = { type: 'user', id: 'grace' }

    it('is for signed-in callers', async () => {
      await refused(() => portal({ subject }), 401, 'AUTH_INVALID_CREDENTIALS', /^Sign in/)
    })

    it('is closed to a caller whom no policy lets in', async () => {
      await refused(
        async () => portal({ subject }, await userToken('mallory')),
        403,
        'AUTH_UNAUTHORIZED',
        /Row level security/,
      )
    })

    it('does not exist for a subject that has no customer', async () => {
      await refused(
        async () => portal({ subject }, await userToken('grace')),
        404,
        'PAYMENT_NOT_FOUND',
        /customer/,
      )
    })

    it('opens for a subject that has paid', async () => {
      const grace = await userToken('grace')
      const { body } = await checkout(plan(subject), grace)
      system.stripe.control.pay(body.checkoutSession.checkoutSessionId)
      for (const event of system.stripe.control.events()) expect((await deliver(event)).status).toBe(200)

      const opened = await portal({ subject, returnUrl: 'https://shop.example/account' }, grace)
      expect(opened.status).toBe(201)
      expect(opened.body).toEqual({
        customerPortalSession: {
          id: expect.stringMatching(/^[0-9a-f-]{36}$/),
          environment: 'test',
          status: 'created',
          subjectType: 'user',
          subjectId: 'grace',
          customerId: expect.stringMatching(/^cus_/),
          returnUrl: 'https://shop.example/account',
          configuration: null,
          url: expect.stringMatching(/^http/),
          lastError: null,
          createdAt: expect.stringMatching(/Z$/),
          updatedAt: expect.stringMatching(/Z$/),
        },
      })
      const page = await fetch(opened.body.customerPortalSession.url)
      expect(page.status).toBe(200)
    })
  })

  describe('a webhook', () => {
    it('becomes rows, and says so', async () => {
      const event = productEvent('prod_1', 'Cap')
      const { status, body } = await deliver(event)
      expect(status).toBe(200)
      expect(body).toEqual({
        received: true,
        handled: true,
        event: {
          environment: 'test',
          eventId: event.id,
          eventType: 'product.updated',
          livemode: false,
          accountId: null,
          objectType: 'product',
          objectId: 'prod_1',
          processingStatus: 'processed',
          attemptCount: 1,
          lastError: null,
          receivedAt: expect.stringMatching(/Z$/),
          processedAt: expect.stringMatching(/Z$/),
          createdAt: expect.stringMatching(/Z$/),
          updatedAt: expect.stringMatching(/Z$/),
        },
      })
      const rows = await system.database
        .sql`select name from payments.stripe_products where product_id = 'prod_1'`
      expect(rows).toEqual([{ name: 'Cap' }])
      expect(system.asked.seen()).toEqual([])
    })

    it('that comes again changes nothing and is handled', async () => {
      const event = productEvent('prod_2', 'Cap')
      await deliver(event)
      const { status, body } = await withoutEffect(() => deliver(event))
      expect(status).toBe(200)
      expect(body).toMatchObject({
        received: true,
        handled: true,
        event: { eventId: event.id, attemptCount: 1 },
      })
    })

    it('of a type that nobody projects is kept as ignored', async () => {
      const event = eventOf('radar.early_fraud_warning.created', {
        id: 'issfr_1',
        object: 'radar.early_fraud_warning',
      })
      const { status, body } = await deliver(event)
      expect(status).toBe(200)
      expect(body).toMatchObject({ received: true, handled: false, event: { processingStatus: 'ignored' } })
      const again = await deliver(event)
      expect(again.body).toMatchObject({ received: true, handled: false })
    })

    it('without a signature is refused', async () => {
      await refused(
        () => deliver(productEvent('prod_x', 'x'), null),
        401,
        'AUTH_UNAUTHORIZED',
        'The Stripe-Signature header is missing.',
      )
    })

    it.each<[string, (body: string) => [body: string, signature: string]]>([
      ['by another secret', (body) => [body, signatureOf(body, { secret: 'whsec_other' })]],
      ['that is too old', (body) => [body, signatureOf(body, { ageSeconds: 301 })]],
      ['of another body', (body) => [body.replace('prod_x', 'prod_y'), signatureOf(body)]],
      ['of the same body with a space more', (body) => [`${body} `, signatureOf(body)]],
      ['that is rubbish', (body) => [body, 't=1,v1=abc']],
    ])('with a signature %s is refused', async (kind, make) => {
      const [body, signature] = make(JSON.stringify(productEvent('prod_x', 'x')))
      await refused(
        () => deliver(body, signature),
        400,
        'INVALID_INPUT',
        kind === 'that is too old'
          ? /^The signature is right, but 30\d seconds old; at most 300 are accepted\.$/
          : /^The signature does not match this body\.$/,
      )
    })

    it.each<[string, () => string, string]>([
      ['that is empty', () => '', 'The body is empty: there is no event in it.'],
      [
        'that is nested without an end',
        () => {
          const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`
          return JSON.stringify(productEvent('prod_x', 'x')).replace('"x"', deep)
        },
        'A value is nested too deeply.',
      ],
    ])('%s is refused, although its signature is right', async (_, body, message) => {
      await refused(() => deliver(body()), 400, 'INVALID_INPUT', message)
    })

    it('of the other mode is refused', async () => {
      await refused(
        () => deliver(productEvent('prod_x', 'x', { livemode: true })),
        400,
        'INVALID_INPUT',
        /mode/,
      )
    })

    it('for an environment that does not exist is refused', async () => {
      await refused(
        () => deliver(productEvent('prod_x', 'x'), undefined, 'prod'),
        400,
        'INVALID_INPUT',
        'environment must be test or live.',
      )
    })

    it('for an environment without a signing secret is never accepted', async () => {
      const event = productEvent('prod_x', 'x', { livemode: true })
      for (const secret of [WEBHOOK_SECRET, '']) {
        const body = JSON.stringify(event)
        await refused(
          () => deliver(body, secret === '' ? 't=1,v1=' : signatureOf(body), 'live'),
          500,
          'INTERNAL_ERROR',
          'There is no signing secret for live, so no event can be accepted.',
        )
      }
    })

    it.each(['{"a":', '[]', '{}', 'null', '{"object":"event","id":"evt_1"}'])(
      'that is signed and not an event is refused: %s',
      async (body) => {
        await refused(() => deliver(body), 400, 'INVALID_INPUT', /\.$/)
      },
    )

    it('with characters that Postgres cannot store is kept all the same', async () => {
      const event = productEvent('prod_odd', 'a\u0000b\ud83dc 💳')
      const { status, body } = await deliver(event)
      expect(status).toBe(200)
      expect(body.handled).toBe(true)
      const rows = await system.database
        .sql`select name from payments.stripe_products where product_id = 'prod_odd'`
      expect(rows).toEqual([{ name: 'a\ufffdb\ufffdc 💳' }])
    })

    it('whose fulfilment fails is a 500, is kept, and succeeds when Stripe delivers it again', async () => {
      const { sql } = system.database
      await sql`
        create function public.fulfil() returns trigger language plpgsql as $$
        begin
          if new.processing_status = 'processed' and new.object_id = 'prod_fulfil' then
            raise exception 'no stock, and whsec_do_not_tell';
          end if;
          return new;
        end $$`
      await sql`
        create trigger _500_fulfil after insert or update on payments.webhook_events
        for each row execute function public.fulfil()`
      const event = productEvent('prod_fulfil', 'x')
      const failed = await deliver(event)
      expect(failed.status).toBe(500)
      expect(failed.body).toEqual({
        error: 'INTERNAL_ERROR',
        message: 'The event was stored but could not be processed yet; Stripe will retry.',
        statusCode: 500,
        nextActions: 'Read the reason in last_error of its row in payments.webhook_events.',
      })
      const lines = server
        .log()
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line))
      const reason = { message: expect.stringContaining('no stock, and whsec_…') }
      expect(lines).toContainEqual(
        expect.objectContaining({
          event: 'webhook_failed',
          id: event.id,
          attempt: 1,
          cause: expect.objectContaining(reason),
        }),
      )
      expect(lines).toContainEqual(
        expect.objectContaining({
          event: 'request',
          status: 500,
          message: 'The event was stored but could not be processed yet; Stripe will retry.',
          cause: expect.objectContaining(reason),
        }),
      )
      await sql`drop trigger _500_fulfil on payments.webhook_events`
      const again = await deliver(event)
      expect(again.status).toBe(200)
      expect(again.body).toMatchObject({
        handled: true,
        event: { attemptCount: 2, processingStatus: 'processed' },
      })
    })
  })

  it('a request that is cut off does no harm', async () => {
    const { hostname, port } = new URL(server.url)
    await withoutEffect(async () => {
      await new Promise<void>((resolve) => {
        const socket = connect(Number(port), hostname, () => {
          socket.write(
            'POST /api/webhooks/stripe/test HTTP/1.1\r\nHost: x\r\nStripe-Signature: t=1\r\nContent-Length: 100\r\n\r\n{',
            () => {
              socket.destroy()
              resolve()
            },
          )
        })
        socket.on('error', () => {})
      })
      return call('/health')
    })
  })

  describe('the admin API', () => {
    const asAdmin = { headers: { 'x-api-key': ADMIN_KEY } }

    it('is for the admin alone', async () => {
      expect((await call('/api/payments/stripe/status')).status).toBe(401)
      const headers = { authorization: `Bearer ${await userToken('ada')}` }
      expect((await call('/api/payments/stripe/status', { headers })).status).toBe(403)
    })

    it('reads lists and asks Stripe', async () => {
      const { status, body } = await call('/api/payments/stripe/status', asAdmin)
      expect([status, body.connections.length]).toEqual([200, 2])
      const { body: list } = await call('/api/payments/stripe/test/webhook-events?limit=2', asAdmin)
      expect(list.events).toHaveLength(2)
      expect(
        (await call(`/api/payments/stripe/test/webhook-events?limit=2&cursor=${list.nextCursor}`, asAdmin))
          .status,
      ).toBe(200)
      const made = await call('/api/payments/stripe/test/catalog/products', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...asAdmin.headers },
        body: '{"name": "Made by the admin"}',
      })
      expect([made.status, made.body.product.name]).toEqual([201, 'Made by the admin'])
    })

    it('answers at its older addresses, and says what it has', async () => {
      const { body } = await call('/api/payments/test/catalog/products', asAdmin)
      expect(body.products[0].stripeProductId).toMatch(/^prod_/)
      expect((await call('/api/payments/openapi.json')).body.openapi).toBe('3.1.0')
    })
  })

  it('no answer and no log line carries a secret', () => {
    const said = `${server.log()}\n${answers.join('\n')}`
    expect(answers.length).toBeGreaterThan(50)
    expect(server.log().split('\n').length).toBeGreaterThan(50)
    const password = new URL(system.database.url).password
    for (const secret of [
      JWT_SECRET,
      WEBHOOK_SECRET,
      ADMIN_KEY,
      ANON_KEY,
      system.stripe.secretKey,
      'whsec_do_not_tell',
      'eyJhbGciOi',
    ]) {
      expect(said).not.toContain(secret)
    }
    if (password.length > 3) expect(said).not.toContain(`:${password}@`)
    answers = []
  })

  it('each line of the log is one JSON object', () => {
    const lines = server.log().trim().split('\n')
    for (const line of lines)
      expect(JSON.parse(line)).toMatchObject({
        level: expect.stringMatching(/^(info|warn|error)$/),
        event: expect.any(String),
      })
  })
}
