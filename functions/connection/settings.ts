/** What is configured, for the settings page: never a secret, and of an encryption key its id alone. */
import { present } from '../core/present.ts'
import { readDocument, readRows } from '../core/reads.ts'
import { route } from '../core/route.ts'
import { importEncryptionKey } from '../core/secrets.ts'
import { VERSION } from '../core/version.ts'
import { databaseState, settingsResponse, storedSecret } from './schemas.ts'

/** An address without a name and a password, should it have them. */
function withoutLogin(address: string | null): string | null {
  if (address === null) return null
  const url = new URL(address)
  url.username = ''
  url.password = ''
  return url.href
}

const idOf = async (key: string | null) => (key === null ? null : (await importEncryptionKey(key)).id)

export const getSettings = route({
  id: 'getSettings',
  method: 'GET',
  path: '/stripe/settings',
  summary: 'Shows versions, roles, grants, and what is configured, without a secret',
  response: settingsResponse,
  async handle(_, { config, database }) {
    const [state, secrets, keyId, previousKeyId] = await Promise.all([
      readDocument(database, 'database_state', databaseState),
      readRows(database, 'payments_private.secret_list', {}),
      idOf(config.encryptionKey),
      idOf(config.previousEncryptionKey),
    ])
    return {
      version: VERSION,
      publicUrl: withoutLogin(config.publicUrl),
      basePath: config.basePath,
      encryption: {
        isConfigured: keyId !== null,
        keyId,
        previousKeyId,
        secrets: secrets.map((row) => ({
          ...present(storedSecret, row),
          isReadable: row.key_id !== null && [keyId, previousKeyId].includes(row.key_id),
        })),
      },
      access: {
        adminKey: config.adminKey !== null,
        readKey: config.adminReadKey !== null,
        anonKey: config.anonKey !== null,
        jwtSecret: config.jwtSecret !== null,
        metricsToken: config.metricsToken !== null,
        jwksUrl: withoutLogin(config.jwksUrl),
        issuers: config.jwtIssuers,
        audiences: config.jwtAudiences,
        adminRoles: config.adminRoles,
      },
      database: present(databaseState, state),
    }
  },
})
