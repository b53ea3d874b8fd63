/**
 * `npm start`: runs everything on this machine until Ctrl-C, from an empty Postgres to a shop that takes payments.
 *
 * Postgres is new and temporary each time. Local Stripe holds its objects in memory, so a database that outlived it
 * would have customers that Stripe does not have.
 */
import { GIFT_CODE } from './catalogue.ts'
import { exit, onStop } from './process.ts'
import { type System, type SystemOptions, startSystem } from './system.ts'

/** Long enough to see a pending order. */
const SETTLE_AFTER_SECONDS = 8

const stopping = new AbortController()
onStop(() => {
  console.log('\nStopping…')
  stopping.abort()
})

try {
  const given = readGiven(process.env)
  const system = await startSystem({
    ...given,
    ports: { shop: port('PORT'), api: port('API_PORT'), stripe: port('STRIPE_PORT') },
    settleAfterSeconds: SETTLE_AFTER_SECONDS,
    log: (line) => console.log(line),
    onError: (line) => console.error(line),
    signal: stopping.signal,
  })
  console.log(welcome(system))
  await new Promise<void>((resolve) => {
    if (stopping.signal.aborted) resolve()
    stopping.signal.addEventListener('abort', () => resolve())
  })
  await system.stop()
  await exit(0)
} catch (error) {
  if (stopping.signal.aborted) await exit(0)
  console.error(error instanceof Error ? error.message : String(error))
  await exit(1)
}

/** The user's own database and Stripe account: both or neither, because each refers to rows of the other. */
function readGiven(env: NodeJS.ProcessEnv): Pick<SystemOptions, 'databaseUrl' | 'stripe'> {
  const databaseUrl = env.DATABASE_URL?.trim()
  const secretKey = env.STRIPE_TEST_SECRET_KEY?.trim()
  if (!databaseUrl || !secretKey) {
    if (databaseUrl || secretKey) {
      const [set, missing] = databaseUrl
        ? ['DATABASE_URL', 'STRIPE_TEST_SECRET_KEY']
        : ['STRIPE_TEST_SECRET_KEY', 'DATABASE_URL']
      console.log(
        `${set} is set and ${missing} is not: using the demo's own Postgres and Stripe. Set both to use yours.`,
      )
    }
    return {}
  }
  if (!/^postgres(ql)?:\/\//.test(databaseUrl) || !URL.canParse(databaseUrl)) {
    throw new Error(
      'DATABASE_URL must be a Postgres address, for example postgres://user:password@host:5432/name.',
    )
  }
  if (!/^(sk|rk)_test_\S+$/.test(secretKey)) {
    throw new Error(
      'STRIPE_TEST_SECRET_KEY must be a Stripe secret key for test mode, beginning sk_test_ or rk_test_.',
    )
  }
  const webhookSecret = env.STRIPE_TEST_WEBHOOK_SECRET?.trim()
  if (!webhookSecret) {
    throw new Error(
      'STRIPE_TEST_WEBHOOK_SECRET must be set, so that webhooks of your Stripe account can be verified. ' +
        'The Stripe CLI prints it: stripe listen --print-secret',
    )
  }
  return {
    databaseUrl,
    stripe: { secretKey, webhookSecret, apiBaseUrl: env.STRIPE_API_BASE_URL?.trim() || undefined },
  }
}

function port(variable: string): number | undefined {
  const value = process.env[variable]?.trim()
  if (!value) return undefined
  if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) {
    throw new Error(`${variable} must be a whole number from 0 to 65535.`)
  }
  return Number(value)
}

function welcome({ shopUrl, apiUrl, dashboardUrl, adminKey, local, databaseUrl }: System): string {
  const forward = local
    ? ''
    : `
  Stripe cannot reach this machine by itself. In another terminal, let the Stripe CLI forward webhooks:

    stripe listen --forward-to ${apiUrl}/api/webhooks/stripe/test
`
  const places = local
    ? `  Stripe     ${local.url}   (local Stripe: API, hosted pages)
  Postgres   ${databaseUrl}`
    : `  Stripe     your account, in test mode
  Postgres   the one in DATABASE_URL`
  return `
  Shop       ${shopUrl}
  Payments   ${apiUrl}
  Dashboard  ${dashboardUrl}
             signs in once; later with the key ${adminKey}
${places}
${forward}
  What to try in the shop:
    4242 4242 4242 4242   pays; any expiry in the future, any CVC
    4000 0000 0000 0002   is declined
    bank account, SEPA    pending first, then paid
    ${GIFT_CODE.padEnd(21)} as the gift code: 100 % off
    Ada                   owns the team Acme: subscribes it, then changes and cancels the plan in the portal
    Bob                   does not own it: row level security refuses him

  Ctrl-C stops everything.
`
}
