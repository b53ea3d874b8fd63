/** The connection to a Stripe account as schemas: what requests must look like, and what answers hold. */
import { z } from 'zod'
import * as s from '../core/schema-parts.ts'
import { syncRun } from '../sync/run-schema.ts'

export const putConfigBody = s.request('PutStripeConfigRequest', {
  secretKey: s.text(1, 255).describe('`sk_…`, or `rk_…` with the needed permissions.'),
  replaceAccount: s.boolean
    .describe('Allows a key of another account; everything stored of the previous account is deleted.')
    .optional(),
})

export const configureWebhookBody = s.request('ConfigureStripeWebhookRequest', {
  takeOver: s.boolean
    .describe(
      'This deployment has moved: also disables the endpoint that delivers to its former address. Never send it from a copy of a database that is in use.',
    )
    .optional(),
})

const webhookDrift = s.component(
  'WebhookDrift',
  {
    problem: z.enum([
      'gone',
      'disabled',
      'missing_events',
      'other_version',
      'other_url',
      'secret_unknown',
      'missing',
      'duplicate',
    ]),
    message: z.string().describe('A sentence for a person.'),
  },
  'A difference between the managed webhook endpoint and how it was set up.',
)

const syncStatus = z.enum(['succeeded', 'failed']).nullable()

export const connection = s.component(
  'StripeConnection',
  {
    environment: s.environment,
    status: z.enum(['unconfigured', 'connected', 'error']),
    accountId: s.nullable,
    accountEmail: s.nullable,
    accountLivemode: z.boolean().nullable(),
    webhookEndpointId: s.nullable,
    webhookEndpointUrl: s.nullable,
    webhookConfiguredAt: s.nullableInstant,
    maskedKey: s.nullable.describe('Beginning and last four characters of the key.'),
    lastSyncedAt: s.nullableInstant,
    lastSyncStatus: syncStatus,
    lastSyncError: s.errorText,
    lastSyncCounts: z.record(z.string(), z.number()),
    webhookDrift: z
      .array(webhookDrift)
      .nullable()
      .optional()
      .describe(
        'How the managed webhook endpoint differs from how it was set up; null if none is managed or Stripe could not be asked.',
      ),
  },
  'The Stripe account that an environment is connected to.',
)

const keyConfig = s.component(
  'StripeKeyConfig',
  {
    environment: s.environment,
    hasKey: z.boolean(),
    maskedKey: s.nullable.describe('Beginning and last four characters.'),
    value: s.nullable.describe('The same as maskedKey, under the name that older clients read.'),
  },
  'Whether an environment has a key. A key itself is never returned.',
)

export const statusResponse = s.answer('GetStripeStatusResponse', { connections: z.array(connection) })
const keys = z.array(keyConfig)
export const configResponse = s.answer('GetStripeConfigResponse', { keys })
export const putConfigResponse = s.answer('PutStripeConfigResponse', {
  keys,
  connection,
  deleted: s.counts.nullable().describe('Rows deleted of a replaced account, by table.'),
  sync: syncRun
    .nullable()
    .describe(
      'The sync that followed. `interrupted`: this request may not list more, and the next sync resumes it. Null if it failed, which `connection` shows, or if another sync was running.',
    ),
  warnings: s.sentences.describe(
    'Sentences about what else could not be done, for example setting up the webhook endpoint.',
  ),
  endpointProblem: s.nullable.describe(
    'Why the webhook endpoint could not be set up, as in `warnings`; null if it was, or if it is set up by hand.',
  ),
})
export const deleteConfigResponse = s.answer('DeleteStripeConfigResponse', {
  keys,
  remained: s.sentences.describe('Sentences about what is left, at Stripe and here.'),
})
export const configureWebhookResponse = s.answer('ConfigureStripeWebhookResponse', {
  connection,
  action: z
    .enum(['reused', 'mended', 'created'])
    .describe('`reused` as it was, `mended` in place, or `created`.'),
  warnings: s.sentences.describe('Sentences about what else could not be done.'),
})

export const healthReason = s.answer('HealthReason', {
  code: z.string(),
  severity: z.enum(['degraded', 'failing']),
  message: z.string().meta({ redacted: true }),
  nextAction: z.string(),
  command: s.nullable.describe('The shell command that leads on; null where no command helps.'),
})

export const eventHealth = s.answer('EventHealth', {
  backlog: s.count.describe('Events that failed and are not processed yet.'),
  deadLettered: s.count.describe('Failed events that are no longer retried automatically.'),
  oldestFailedAt: s.nullableInstant,
  failures: z.array(s.answer('EventFailure', { eventType: z.string(), error: s.errorText, count: s.count })),
  lastHour: s.count,
  lastReceivedAt: s.nullableInstant,
  medianLag: z.number().nullable().describe('Seconds.'),
  greatestLag: z.number().nullable().describe('Seconds.'),
})

export const healthResponse = s.answer('EnvironmentHealthResponse', {
  environment: s.environment,
  status: z
    .enum(['ok', 'degraded', 'failing'])
    .describe('`failing`: events are lost or stuck. `degraded`: something needs attention.'),
  reasons: z.array(healthReason),
  unlimitedBuyers: z
    .array(z.enum(['anon', 'authenticated']))
    .describe('Roles of app users that policies let choose price and options, because there is no offer.'),
  key: z.object({
    hasKey: z.boolean(),
    maskedKey: s.nullable,
    source: z.enum(['database', 'environment']).nullable(),
    accepted: z.boolean().nullable().describe('By Stripe; null if Stripe could not be asked.'),
  }),
  endpoint: z.object({
    id: s.nullable,
    url: s.nullable,
    configuredAt: s.nullableInstant,
    hasSigningSecret: z.boolean(),
    expectedUrl: s.nullable.describe('Where it should deliver; null if PAYMENTS_PUBLIC_URL is not set.'),
    drift: z.array(webhookDrift).nullable(),
  }),
  sync: z.object({ lastSyncedAt: s.nullableInstant, status: syncStatus, error: s.nullable }),
  events: eventHealth,
})

export const storedSecret = s.answer('StoredSecretState', {
  environment: s.environment,
  kind: z.enum(['secret_key', 'webhook_secret']),
  maskedKey: s.nullable,
  endpointId: s.nullable,
  keyId: z.string().describe('The encryption key that it was stored with.'),
  isReadable: z.boolean().describe('Whether one of the configured encryption keys is that key.').optional(),
  createdAt: s.instant,
  expiresAt: s.nullableInstant,
})

export const databaseState = s.answer('DatabaseState', {
  postgresVersion: z.string(),
  migrations: z.array(s.answer('AppliedMigration', { name: z.string(), appliedAt: s.instant })),
  roles: z.array(
    s.answer('RoleState', {
      role: z.string(),
      exists: z.boolean(),
      isGranted: z.boolean().describe('Whether the login of the handlers may become it.'),
    }),
  ),
  grants: z.array(s.answer('TableGrant', { role: z.string(), object: z.string(), privileges: s.sentences })),
})

/** Whether something is configured, and what of it is no secret. */
export const settingsResponse = s.answer('GetSettingsResponse', {
  version: z.string(),
  publicUrl: s.nullable,
  basePath: z.string(),
  encryption: s.answer('EncryptionState', {
    isConfigured: z.boolean(),
    keyId: s.nullable.describe('The id of the key that encrypts; its beginning in SHA-256.'),
    previousKeyId: s.nullable,
    secrets: z.array(storedSecret),
  }),
  access: s.answer('AccessState', {
    adminKey: z.boolean(),
    readKey: z.boolean(),
    anonKey: z.boolean(),
    jwtSecret: z.boolean(),
    metricsToken: z.boolean(),
    jwksUrl: s.nullable,
    issuers: s.sentences.nullable().describe('Null if any issuer is accepted.'),
    audiences: s.sentences.nullable(),
    adminRoles: s.sentences,
  }),
  database: databaseState,
})
