/** The connection to a Stripe account as schemas: what requests must look like, and what answers hold. */
import { z } from 'zod'
import {
  answer,
  boolean,
  component,
  count,
  counts,
  errorText,
  instant,
  nullable,
  nullableInstant,
  request,
  sentences,
} from '../core/schema-parts.ts'
import { environmentSchema, text } from '../core/validation.ts'
import { syncRun } from '../sync/run-schema.ts'

export const putConfigBody = request('PutStripeConfigRequest', {
  secretKey: text(1, 255).describe('`sk_…`, or `rk_…` with the needed permissions.'),
  replaceAccount: boolean
    .describe('Allows a key of another account; everything stored of the previous account is deleted.')
    .optional(),
})

export const configureWebhookBody = request('ConfigureStripeWebhookRequest', {
  takeOver: boolean
    .describe(
      'This deployment has moved: also disables the endpoint that delivers to its former address. Never send it from a copy of a database that is in use.',
    )
    .optional(),
})

const webhookDrift = component(
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
    ]),
    message: z.string().describe('A sentence for a person.'),
  },
  'A difference between the managed webhook endpoint and how it was set up.',
)

const syncStatus = z.enum(['succeeded', 'failed']).nullable()

export const connection = component(
  'StripeConnection',
  {
    environment: environmentSchema,
    status: z.enum(['unconfigured', 'connected', 'error']),
    accountId: nullable,
    accountEmail: nullable,
    accountLivemode: z.boolean().nullable(),
    webhookEndpointId: nullable,
    webhookEndpointUrl: nullable,
    webhookConfiguredAt: nullableInstant,
    maskedKey: nullable.describe('Beginning and last four characters of the key.'),
    lastSyncedAt: nullableInstant,
    lastSyncStatus: syncStatus,
    lastSyncError: errorText,
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

const keyConfig = component(
  'StripeKeyConfig',
  {
    environment: environmentSchema,
    hasKey: z.boolean(),
    maskedKey: nullable.describe('Beginning and last four characters.'),
    value: nullable.describe('The same as maskedKey, under the name that older clients read.'),
  },
  'Whether an environment has a key. A key itself is never returned.',
)

export const statusResponse = answer('GetStripeStatusResponse', { connections: z.array(connection) })
const keys = z.array(keyConfig)
export const configResponse = answer('GetStripeConfigResponse', { keys })
export const putConfigResponse = answer('PutStripeConfigResponse', {
  keys,
  connection,
  deleted: counts.nullable().describe('Rows deleted of a replaced account, by table.'),
  sync: syncRun
    .nullable()
    .describe(
      'The sync that followed. `interrupted`: this request may not list more, and the next sync resumes it. Null if it failed, which `connection` shows, or if another sync was running.',
    ),
  warnings: sentences.describe(
    'Sentences about what else could not be done, for example setting up the webhook endpoint.',
  ),
  endpointProblem: nullable.describe(
    'Why the webhook endpoint could not be set up, as in `warnings`; null if it was, or if it is set up by hand.',
  ),
})
export const deleteConfigResponse = answer('DeleteStripeConfigResponse', {
  keys,
  remained: sentences.describe('Sentences about what is left, at Stripe and here.'),
})
export const configureWebhookResponse = answer('ConfigureStripeWebhookResponse', {
  connection,
  action: z
    .enum(['reused', 'mended', 'created'])
    .describe('`reused` as it was, `mended` in place, or `created`.'),
  warnings: sentences.describe('Sentences about what else could not be done.'),
})

export const healthResponse = answer('EnvironmentHealthResponse', {
  environment: environmentSchema,
  status: z
    .enum(['ok', 'degraded', 'failing'])
    .describe('`failing`: events are lost or stuck. `degraded`: something needs attention.'),
  reasons: z.array(
    answer('HealthReason', {
      code: z.string(),
      severity: z.enum(['degraded', 'failing']),
      message: z.string().meta({ redacted: true }),
      nextAction: z.string(),
      command: nullable.describe('The shell command that leads on; null where no command helps.'),
    }),
  ),
  key: z.object({
    hasKey: z.boolean(),
    maskedKey: nullable,
    source: z.enum(['database', 'environment']).nullable(),
    accepted: z.boolean().nullable().describe('By Stripe; null if Stripe could not be asked.'),
  }),
  endpoint: z.object({
    id: nullable,
    url: nullable,
    configuredAt: nullableInstant,
    hasSigningSecret: z.boolean(),
    expectedUrl: nullable.describe('Where it should deliver; null if PAYMENTS_PUBLIC_URL is not set.'),
    drift: z.array(webhookDrift).nullable(),
  }),
  sync: z.object({ lastSyncedAt: nullableInstant, status: syncStatus, error: nullable }),
  events: answer('EventHealth', {
    backlog: count.describe('Events that failed and are not processed yet.'),
    deadLettered: count.describe('Failed events that are no longer retried automatically.'),
    oldestFailedAt: nullableInstant,
    failures: z.array(answer('EventFailure', { eventType: z.string(), error: errorText, count })),
    lastHour: count,
    lastReceivedAt: nullableInstant,
    medianLag: z.number().nullable().describe('Seconds.'),
    greatestLag: z.number().nullable().describe('Seconds.'),
  }),
})

/** Whether something is configured, and what of it is no secret. */
export const settingsResponse = answer('GetSettingsResponse', {
  version: z.string(),
  publicUrl: nullable,
  basePath: z.string(),
  encryption: answer('EncryptionState', {
    isConfigured: z.boolean(),
    keyId: nullable.describe('The id of the key that encrypts; its beginning in SHA-256.'),
    previousKeyId: nullable,
    secrets: z.array(
      answer('StoredSecretState', {
        environment: environmentSchema,
        kind: z.enum(['secret_key', 'webhook_secret']),
        maskedKey: nullable,
        endpointId: nullable,
        keyId: z.string().describe('The encryption key that it was stored with.'),
        isReadable: z
          .boolean()
          .describe('Whether one of the configured encryption keys is that key.')
          .optional(),
        createdAt: instant,
        expiresAt: nullableInstant,
      }),
    ),
  }),
  access: answer('AccessState', {
    adminKey: z.boolean(),
    readKey: z.boolean(),
    anonKey: z.boolean(),
    jwtSecret: z.boolean(),
    metricsToken: z.boolean(),
    jwksUrl: nullable,
    issuers: sentences.nullable().describe('Null if any issuer is accepted.'),
    audiences: sentences.nullable(),
    adminRoles: sentences,
  }),
  database: answer('DatabaseState', {
    postgresVersion: z.string(),
    migrations: z.array(answer('AppliedMigration', { name: z.string(), appliedAt: instant })),
    roles: z.array(
      answer('RoleState', {
        role: z.string(),
        exists: z.boolean(),
        isGranted: z.boolean().describe('Whether the login of the handlers may become it.'),
      }),
    ),
    grants: z.array(answer('TableGrant', { role: z.string(), object: z.string(), privileges: sentences })),
  }),
})
