/** The verdict about an environment: what is failing, what is degraded, and what a person does about it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())

const CONFIGURE = 'pg-payments stripe webhooks configure --environment test'
const RECOVER = 'pg-payments recover --environment test'

/** What the handlers know of an environment with which all is well. */
const WELL = {
  has_key: true,
  key_problem: null,
  stripe_problem: null,
  has_signing_secret: true,
  secret_problem: null,
  public_url: false,
  drift: null,
}

async function verdict(facts: object) {
  const [row] = await database.sql`
    select payments.environment_health('test', ${database.sql.json({ ...WELL, ...facts })}) as health`
  return row?.health as { status: string; reasons: object[] }
}

const driftOf = (...problems: string[]) =>
  problems.map((problem) => ({ problem, message: `It is ${problem}.` }))

describe('events are lost, so it is failing', () => {
  test.each(['gone', 'disabled', 'missing_events', 'secret_unknown'])(
    'with an endpoint that is %s',
    async (problem) => {
      expect(await verdict({ public_url: true, drift: driftOf(problem) })).toMatchObject({
        status: 'failing',
        reasons: [
          {
            code: `endpoint_${problem}`,
            severity: 'failing',
            message: `It is ${problem}.`,
            next_action: 'Set up the webhook endpoint. Then recover the events that were lost.',
            command: `${CONFIGURE} && ${RECOVER}`,
          },
          { code: 'endpoint_not_managed' },
        ],
      })
    },
  )

  test('without a signing secret', async () => {
    expect((await verdict({ public_url: true, has_signing_secret: false })).reasons).toContainEqual({
      code: 'no_signing_secret',
      severity: 'failing',
      message: 'There is no signing secret, so no event can be accepted.',
      next_action: 'Set up the webhook endpoint. Then recover the events that were lost.',
      command: `${CONFIGURE} && ${RECOVER}`,
    })
  })

  test('and where the handlers do not know their URL, no single command helps', async () => {
    const next_action = `Set PAYMENTS_PUBLIC_URL for the handlers and run \`${CONFIGURE}\`; or make an endpoint in the Stripe Dashboard that delivers to /api/webhooks/stripe/test of this deployment, and set STRIPE_TEST_WEBHOOK_SECRET to its signing secret. Then run \`${RECOVER}\` for events that were lost.`
    expect(await verdict({ has_signing_secret: false, drift: driftOf('gone') })).toMatchObject({
      status: 'failing',
      reasons: [
        { code: 'no_signing_secret', next_action, command: null },
        { code: 'endpoint_gone', next_action, command: null },
      ],
    })
  })
})

test('an endpoint that delivers elsewhere may be that of the original of a copy, so no single command is right', async () => {
  expect(await verdict({ public_url: true, drift: driftOf('other_url') })).toMatchObject({
    status: 'failing',
    reasons: [
      {
        code: 'endpoint_other_url',
        severity: 'failing',
        next_action: expect.stringContaining(`\`${CONFIGURE} --take-over\`, which disables that endpoint`),
        command: null,
      },
      { code: 'endpoint_not_managed' },
    ],
  })
})

test('an endpoint of another API version still delivers, so it is degraded', async () => {
  expect(await verdict({ public_url: true, drift: driftOf('other_version') })).toMatchObject({
    status: 'degraded',
    reasons: [
      { code: 'endpoint_not_managed', severity: 'degraded' },
      {
        code: 'endpoint_other_version',
        severity: 'degraded',
        next_action: 'Set up the webhook endpoint.',
        command: CONFIGURE,
      },
    ],
  })
})

test('failing reasons come before degraded ones, those of the endpoint included', async () => {
  const { reasons } = await verdict({
    public_url: true,
    stripe_problem: 'Stripe does not respond.',
    drift: driftOf('disabled'),
  })
  expect(reasons).toMatchObject([
    { code: 'endpoint_disabled', severity: 'failing' },
    {
      code: 'stripe_unreachable',
      severity: 'degraded',
      next_action: 'Try again in a moment.',
      command: null,
    },
    { code: 'endpoint_not_managed', severity: 'degraded' },
  ])
})

test('each other reason names the command that leads on', async () => {
  const setKey = 'pg-payments stripe config set --environment test'
  expect((await verdict({ has_key: false })).reasons).toMatchObject([{ code: 'no_key', command: setKey }])
  expect((await verdict({ key_problem: 'It was revoked.' })).reasons).toMatchObject([
    { code: 'key_refused', command: setKey },
  ])
  expect((await verdict({ secret_problem: 'It does not open.' })).reasons).toMatchObject([
    { code: 'secrets_unreadable', command: `${setKey} && pg-payments recover --environment test` },
  ])
})

test('deliveries that a stranger signs are failing for ten minutes at most, while Stripe lists nothing that is missing', async () => {
  const { sql } = database
  const refusedMinutesAgo = async (minutes: number, facts: object = { drift: [], listed_events: [] }) => {
    await sql`delete from payments_private.refused_signatures`
    await sql`
      insert into payments_private.refused_signatures (environment, reason, refused, first_refused_at, last_refused_at)
      values ('test', 'wrong', 3, now() - ${minutes} * interval '1 minute', now())`
    const { reasons } = await verdict({ public_url: true, ...facts })
    return reasons.find((reason) => (reason as { code: string }).code === 'signatures_wrong')
  }
  try {
    const failing = { severity: 'failing', command: expect.stringMatching(/configure .* && .* recover/) }
    const strange = {
      severity: 'degraded',
      next_action: expect.stringMatching(/^Stripe lists no event that is missing here/),
      command: null,
    }
    expect(await refusedMinutesAgo(9)).toMatchObject(failing)
    expect(await refusedMinutesAgo(11)).toMatchObject(strange)
    expect(await refusedMinutesAgo(11, { drift: [], listed_events: null })).toMatchObject(failing)
    expect(await refusedMinutesAgo(11, { drift: driftOf('gone'), listed_events: [] })).toMatchObject(failing)
    expect(await refusedMinutesAgo(1, { drift: driftOf('duplicate'), listed_events: [] })).toMatchObject(
      strange,
    )
  } finally {
    await sql`delete from payments_private.refused_signatures`
  }
})
