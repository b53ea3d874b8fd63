/** Signing in to the dashboard: who gets a session, what the session may do, and how guessing is slowed down. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { closeDeps } from '../../../functions/app.ts'
import { makeCode } from '../../../functions/dashboard-server/sign-ins.ts'
import { startServer } from '../../../functions/node.ts'
import { ADMIN_KEY, type System, startSystem } from '../support/system.ts'
import { token, userToken } from '../support/tokens.ts'
import { type Dashboard, ORIGIN, READ_KEY, SAME_ORIGIN, startDashboard } from './support.ts'

let system: System
let dashboard: Dashboard
const opened: Dashboard[] = []

const open = (env: Record<string, string> = {}, origin?: string) => {
  const own = startDashboard({ ...system.env, PAYMENTS_ADMIN_READ_KEY: READ_KEY, ...env }, origin)
  opened.push(own)
  return own
}

beforeAll(async () => {
  system = await startSystem({ deliver: false })
  dashboard = open()
})
afterAll(async () => {
  for (const { deps } of opened) await closeDeps(deps)
  await system.close()
})

const PRODUCTS = '/dashboard/api/stripe/test/catalog/products'
const STATUS = '/dashboard/api/stripe/config'

describe('a session', () => {
  it.each([
    ['the admin key', async () => ADMIN_KEY, 'admin', 'key'],
    ['the read-only key', async () => READ_KEY, 'reader', 'key'],
    ['a token of an admin', () => token({ role: 'project_admin' }), 'admin', 'token'],
  ])('is given for %s', async (_, key, role, signedInWith) => {
    const { answer, headers } = await dashboard.signIn({ key: await key() })
    expect(answer).toMatchObject({ status: 201, body: { session: { role, signedInWith } } })
    const seen = await dashboard.ask('GET', '/dashboard/session', { headers })
    expect(seen.body.session).toEqual(answer.body.session)
    expect((await dashboard.ask('GET', STATUS, { headers })).status).toBe(200)
  })

  it('is a cookie that scripts cannot read, that no other site sends, and that stays on https', async () => {
    const { answer } = await dashboard.signIn({ key: ADMIN_KEY })
    const cookie = answer.headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(
      /^__Secure-payments-dashboard=[\w-]+\.[\w-]+; Max-Age=3600; HttpOnly; SameSite=Strict; Secure$/,
    )
    expect(cookie).not.toContain(ADMIN_KEY)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    const local = open({}, 'http://127.0.0.1:8787')
    const plain = await local.ask('POST', '/dashboard/session', { body: { key: ADMIN_KEY } })
    expect(plain.headers.get('set-cookie')).toMatch(
      /^payments-dashboard=[^;]+; Max-Age=3600; HttpOnly; SameSite=Strict$/,
    )
  })

  it('lasts an hour, is renewed while it is used, and ends after twelve hours', async () => {
    const own = open()
    const { headers, csrf } = await own.signIn({ key: ADMIN_KEY })
    own.later(59 * 60_000)
    const again = await own.ask('GET', '/dashboard/session', { headers })
    expect(again.body.session.csrfToken).toBe(csrf)
    const cookie = again.headers.get('set-cookie')?.split(';')[0] ?? ''
    own.later(2 * 60_000)
    expect(await own.ask('GET', STATUS, { headers })).toMatchObject({
      status: 401,
      body: { error: 'AUTH_UNAUTHORIZED' },
    })
    expect((await own.ask('GET', STATUS, { headers })).headers.get('x-session')).toBe('expired')
    expect((await own.ask('GET', STATUS, { headers: { ...headers, cookie } })).status).toBe(200)
    let newest = cookie
    for (let hour = 0; hour < 12; hour++) {
      const answer = await own.ask('GET', '/dashboard/session', { headers: { ...headers, cookie: newest } })
      newest = answer.headers.get('set-cookie')?.split(';')[0] ?? newest
      own.later(55 * 60_000)
    }
    const over = await own.ask('GET', '/dashboard/session', { headers: { ...headers, cookie: newest } })
    expect(over.body).toMatchObject({ session: null, hasExpired: true })
  })

  it('of a token ends with the token', async () => {
    const own = open()
    const key = await token({ role: 'project_admin' }, { expiresIn: 600 })
    const { answer, headers } = await own.signIn({ key })
    expect(Date.parse(answer.body.session.expiresAt) - own.deps.now()).toBeLessThanOrEqual(601_000)
    own.later(11 * 60_000)
    expect((await own.ask('GET', STATUS, { headers })).status).toBe(401)
  })

  it('is accepted by another process with the same secrets, and by none with another admin key', async () => {
    const { headers } = await dashboard.signIn({ key: ADMIN_KEY })
    expect((await open().ask('GET', STATUS, { headers })).status).toBe(200)
    const other = open({ PAYMENTS_ADMIN_KEY: `${ADMIN_KEY}_replaced` })
    expect((await other.ask('GET', STATUS, { headers })).status).toBe(401)
  })

  it('cannot be made up or changed', async () => {
    const { cookie, headers } = await dashboard.signIn({ key: READ_KEY })
    const [name, value = ''] = cookie.split('=')
    const [content = '', signature] = value.split('.')
    const raised = Buffer.from(Buffer.from(content, 'base64url').toString().replace('"reader"', '"admin"'))
    for (const forged of [`${raised.toString('base64url')}.${signature}`, content, `${content}.`, 'x.y', '%'])
      expect(
        (await dashboard.ask('GET', STATUS, { headers: { ...headers, cookie: `${name}=${forged}` } })).status,
      ).toBe(401)
  })

  it('ends when the admin signs out', async () => {
    const { headers } = await dashboard.signIn({ key: ADMIN_KEY })
    const { 'x-csrf-token': _, ...without } = headers
    expect((await dashboard.ask('DELETE', '/dashboard/session', { headers: without })).status).toBe(403)
    const answer = await dashboard.ask('DELETE', '/dashboard/session', { headers })
    expect(answer).toMatchObject({ status: 200, body: { signedOut: true } })
    expect(answer.headers.get('set-cookie')).toContain('Max-Age=0')
  })

  it('is no way into the admin API itself', async () => {
    const { headers } = await dashboard.signIn({ key: ADMIN_KEY })
    expect((await dashboard.ask('GET', '/api/payments/stripe/config', { headers })).status).toBe(401)
  })
})

describe('another page', () => {
  const attacks: [string, Record<string, string>][] = [
    ['of another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }],
    [
      'of a neighbour on the same site',
      { 'sec-fetch-site': 'same-site', origin: 'https://shop.pay.example' },
    ],
    ['of another origin, in an old browser', { origin: 'https://evil.example' }],
    ['in a sandbox, in an old browser', { origin: 'null' }],
  ]

  it.each(attacks)('%s changes nothing and reads nothing with the cookie', async (_, from) => {
    const { cookie, csrf } = await dashboard.signIn({ key: ADMIN_KEY })
    for (const headers of [
      { cookie, ...from },
      { cookie, 'x-csrf-token': csrf, ...from },
    ]) {
      expect((await dashboard.ask('POST', PRODUCTS, { body: { name: 'Cap' }, headers })).status).toBe(403)
      expect((await dashboard.ask('GET', STATUS, { headers })).status).toBe(403)
    }
    expect(
      (await dashboard.ask('POST', '/dashboard/session', { body: { key: ADMIN_KEY }, headers: from })).status,
    ).toBe(403)
  })

  it('that sends no header against forged requests changes nothing, and nobody does without a browser', async () => {
    const { cookie, csrf } = await dashboard.signIn({ key: ADMIN_KEY })
    const product = { body: { name: 'Cap' } }
    const change = (headers: Record<string, string>) =>
      dashboard.ask('POST', PRODUCTS, { ...product, headers: { cookie, ...headers } })
    expect(await change(SAME_ORIGIN)).toMatchObject({ status: 403, body: { error: 'AUTH_UNAUTHORIZED' } })
    expect((await change({ ...SAME_ORIGIN, 'x-csrf-token': `${csrf}x` })).status).toBe(403)
    expect((await change({})).status).toBe(403)
    expect((await dashboard.ask('GET', STATUS, { headers: { cookie } })).status).toBe(403)
    expect((await change({ ...SAME_ORIGIN, 'x-csrf-token': csrf })).status).toBe(201)
    expect((await change({ origin: ORIGIN, 'x-csrf-token': csrf })).status).toBe(201)
  })
})

describe('a wrong key', () => {
  it('is told, and from the sixth on slows its sender down, a right key included', async () => {
    const own = open()
    const guess = (key: string) =>
      own.ask('POST', '/dashboard/session', { body: { key }, headers: SAME_ORIGIN })
    for (let count = 1; count <= 5; count++) {
      expect(await guess(`wrong_${count}`)).toMatchObject({
        status: 401,
        body: { error: 'AUTH_INVALID_API_KEY', message: 'The key is not valid.' },
      })
    }
    const pauses: string[] = []
    for (let count = 6; count <= 12; count++) {
      const refused = await guess(ADMIN_KEY)
      expect(refused).toMatchObject({ status: 429, body: { error: 'RATE_LIMITED' } })
      pauses.push(refused.headers.get('retry-after') ?? '')
      own.later(Number(pauses.at(-1)) * 1000)
      expect((await guess(`wrong_${count}`)).status).toBe(401)
    }
    expect(pauses).toEqual(['1', '2', '4', '8', '16', '32', '60'])
    own.later(60_000)
    expect((await guess(ADMIN_KEY)).status).toBe(201)
    expect((await guess('wrong_again')).status).toBe(401)
    expect((await guess(ADMIN_KEY)).status).toBe(201)
  })

  it('of one caller does not slow another down, and the process remembers few of them', async () => {
    const own = open()
    const { countGuess, checkBrake, callerOf } = await import(
      '../../../functions/dashboard-server/sign-ins.ts'
    )
    for (let count = 0; count < 9; count++) countGuess(own.deps.signIns, callerOf('192.0.2.1'), 0)
    expect(() => checkBrake(own.deps.signIns, callerOf('192.0.2.1'), 1)).toThrow(
      'Too many wrong keys were sent.',
    )
    expect(() => checkBrake(own.deps.signIns, callerOf('192.0.2.2'), 1)).not.toThrow()
    for (let count = 0; count < 9; count++)
      countGuess(own.deps.signIns, callerOf(`2001:db8:1:2::${count}`), 0)
    expect(() => checkBrake(own.deps.signIns, callerOf('2001:db8:1:2::ffff'), 1)).toThrow()
    for (let count = 0; count < 3_000; count++) countGuess(own.deps.signIns, `caller ${count}`, 0)
    expect(own.deps.signIns.guesses.size).toBe(1_000)
  })

  it.each([
    ["a user's token", () => userToken('ada'), 403],
    [
      'a token of another secret',
      () => token({ role: 'project_admin' }, { secret: 'another secret of 32 characters!' }),
      401,
    ],
    ['an expired token', () => token({ role: 'project_admin' }, { expiresIn: -10 }), 401],
  ])('is %s', async (_, key, status) => {
    const { answer, cookie } = await open().signIn({ key: await key() })
    expect([answer.status, cookie]).toEqual([status, ''])
  })

  it('is in no log line, and neither is a right one', async () => {
    const own = open()
    await own.signIn({ key: 'wrong_key_that_is_nowhere' })
    const { cookie, csrf } = await own.signIn({ key: ADMIN_KEY })
    for (const secret of ['wrong_key_that_is_nowhere', ADMIN_KEY, cookie.split('=')[1] ?? '', csrf])
      expect(own.log()).not.toContain(secret)
    expect(own.log()).toContain('"sign_in_refused"')
    expect(own.log()).toContain('"signed_in"')
  })

  it.each([{}, { key: 'a', code: 'b' }, { key: 1 }, { key: '' }, { key: ADMIN_KEY, more: 1 }])(
    'is not looked for in %j',
    async (body) => {
      expect((await dashboard.signIn(body)).answer.status).toBe(400)
    },
  )
})

describe('a login link', () => {
  it('signs in once, within five minutes, in the process that made it', async () => {
    const own = open()
    const code = makeCode(own.deps.signIns, own.deps.now())
    const { answer } = await own.signIn({ code })
    expect(answer.body.session).toMatchObject({ role: 'admin', signedInWith: 'link' })
    expect((await own.signIn({ code })).answer).toMatchObject({
      status: 401,
      body: { error: 'AUTH_INVALID_API_KEY' },
    })
    const late = makeCode(own.deps.signIns, own.deps.now())
    own.later(5 * 60_000)
    expect((await own.signIn({ code: late })).answer.status).toBe(401)
    const foreign = makeCode(own.deps.signIns, own.deps.now())
    expect((await dashboard.signIn({ code: foreign })).answer.status).toBe(401)
    for (let count = 0; count < 300; count++) makeCode(own.deps.signIns, own.deps.now())
    expect(own.deps.signIns.codes.size).toBe(100)
  })

  it('of a server has its code behind the #, which reaches no server and no log', async () => {
    const own = await startServer({
      env: { ...system.env, PAYMENTS_BASE_PATH: '/pay' },
      port: 0,
      host: '127.0.0.1',
      log: { info: () => {}, error: () => {} },
      drainMs: 50,
    })
    const link = new URL((await own.dashboardLink()) ?? '')
    expect([link.pathname, link.search]).toEqual(['/pay/dashboard/', ''])
    const code = link.hash.replace('#code=', '')
    const answer = await fetch(`http://127.0.0.1:${link.port}/pay/dashboard/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code }),
    })
    expect(answer.status).toBe(201)
    await own.close()
  })
})

it('nobody can sign in where no admin can exist, and the page is told why', async () => {
  const { PAYMENTS_ADMIN_KEY: _key, PAYMENTS_JWT_SECRET: _secret, ...rest } = system.env
  const own = startDashboard(rest as Record<string, string>)
  opened.push(own)
  expect((await own.ask('GET', '/dashboard/session')).body).toMatchObject({
    session: null,
    canSignIn: false,
    problem: expect.stringContaining('No admin credentials are configured.'),
  })
  expect((await own.signIn({ key: 'anything' })).answer.status).toBe(403)
})
