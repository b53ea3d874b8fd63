/** `pg-payments serve` runs the handlers in a Node server, configured by environment variables. */
import type { Command } from 'commander'
import { action } from '../support/context.ts'
import { port } from '../support/options.ts'

/** The variables that the handlers read; `functions/README.md` describes each of them. */
const VARIABLES: [name: string, what: string][] = [
  ['DATABASE_URL', 'required: postgres://user:password@host:5432/name'],
  ['PAYMENTS_POOL_SIZE', 'connections at most (default: 5)'],
  ['PAYMENTS_DATABASE_PREPARE', 'true keeps statements prepared; for direct connections (default: false)'],
  ['PAYMENTS_WEBHOOK_QUEUE_MB', 'megabytes of events that may wait, per environment (default: 16)'],
  ['PAYMENTS_JWT_SECRET', "verifies users' tokens: HS256, 32 bytes or more"],
  ['PAYMENTS_JWKS_URL', 'or the key set that verifies them'],
  ['PAYMENTS_JWT_ISSUER', 'issuers whose tokens are accepted (default: any)'],
  ['PAYMENTS_JWT_AUDIENCE', 'audiences that tokens must name (default: any)'],
  ['PAYMENTS_JWT_PRESET', 'whose tokens: supabase, clerk, auth0, firebase, keycloak, hasura, insforge'],
  ['PAYMENTS_JWT_ROLE_CLAIM', 'the claim that has the role, or none (default: role)'],
  ['PAYMENTS_JWT_USER_CLAIM', 'the claim that has the id of the user (default: sub)'],
  ['PAYMENTS_JWT_DEFAULT_ROLE', 'the role of a token that states none (default: refused)'],
  ['PAYMENTS_ANON_KEY', 'a key of anonymous callers'],
  ['PAYMENTS_ADMIN_KEY', 'the admin key'],
  ['PAYMENTS_ADMIN_READ_KEY', 'a key that sees what the admin sees, without secrets, and changes nothing'],
  ['PAYMENTS_DASHBOARD', 'on, or off: whether /dashboard is served (default: on)'],
  ['PAYMENTS_ADMIN_ROLES', "roles whose tokens are an admin's (default: project_admin)"],
  ['PAYMENTS_ENCRYPTION_KEY', 'decrypts stored secrets: openssl rand -base64 32'],
  ['PAYMENTS_PREVIOUS_ENCRYPTION_KEY', 'the previous one, during a rotation'],
  ['PAYMENTS_ALLOWED_ORIGINS', 'origins whose pages may call (default: *)'],
  ['PAYMENTS_PUBLIC_URL', 'where Stripe reaches these routes'],
  ['PAYMENTS_BASE_PATH', 'path prefix of every route'],
  ['STRIPE_TEST_SECRET_KEY', 'secret key, where none is stored for test'],
  ['STRIPE_LIVE_SECRET_KEY', 'secret key, where none is stored for live'],
  ['STRIPE_TEST_WEBHOOK_SECRET', 'signing secret, where none is stored for test'],
  ['STRIPE_LIVE_WEBHOOK_SECRET', 'signing secret, where none is stored for live'],
  ['STRIPE_API_BASE_URL', 'another address for the Stripe API'],
  ['STRIPE_TIMEOUT_MS', 'how long a call to Stripe may take (default: 15000)'],
  ['STRIPE_MAX_RETRIES', 'how often a failed call is retried (default: 2)'],
  ['STRIPE_DEADLINE_MS', 'how long all tries of a call may take together (default: 20000)'],
  [
    'PAYMENTS_RETURN_ORIGINS',
    'origins to which a checkout may send people back, separated by commas (default: *)',
  ],
  ['PAYMENTS_GUEST_CHECKOUTS_PER_MINUTE', 'limit of checkouts without a token; 0 is none (default: 600)'],
  ['PAYMENTS_METRICS_TOKEN', 'a token that may read GET /metrics, besides the admin key'],
  ['PORT', 'the port to listen on (default: 8787)'],
]

const width = Math.max(...VARIABLES.map(([name]) => name.length))

/** Adds `pg-payments serve` to the command line. */
export function registerServe(program: Command): void {
  program
    .command('serve')
    .description('serve the payment routes and webhooks from this machine')
    .option('--port <port>', 'the port to listen on (default: the environment variable PORT, or 8787)', port)
    .option('--host <address>', 'the interface to listen on (default: all)')
    .addHelpText(
      'after',
      `\nEnvironment variables:\n${VARIABLES.map(([name, what]) => `  ${name.padEnd(width)}  ${what}`).join('\n')}`,
    )
    .action(
      action<{ port?: number; host?: string }, []>(async ({ options: { port, host, databaseUrl }, io }) => {
        const { runServer } = await import('../../../functions/node.ts')
        const env: typeof io.env = { ...io.env, ...(databaseUrl && { DATABASE_URL: databaseUrl }) }
        try {
          await runServer({ port, host, env })
        } catch (error) {
          program.error(explain(error, port ?? env.PORT))
        }
      }),
    )
}

function explain(error: unknown, where: number | string = 8787): string {
  const { code, message } = error as Error & { code?: string }
  if (code === 'EADDRINUSE') return `Port ${where} is taken. Choose another one with --port.`
  if (code === 'EACCES')
    return `This user may not listen on port ${where}. Choose one above 1023 with --port.`
  return message
}
