/** `pg-payments keys rotate` re-encrypts the stored secrets with a new key. */
import type { Command } from 'commander'
import { action } from '../support/context.ts'
import { cliError, EXIT } from '../support/errors.ts'
import { count } from '../support/output.ts'
import { withDeps } from '../support/with-deps.ts'

export function registerKeys(program: Command): void {
  program
    .command('keys')
    .description('the encryption key of stored secrets')
    .command('rotate')
    .description(
      're-encrypt the stored secrets with PAYMENTS_NEW_ENCRYPTION_KEY instead of PAYMENTS_ENCRYPTION_KEY. To avoid a pause, first restart the handlers with the new key as PAYMENTS_ENCRYPTION_KEY and the old one as PAYMENTS_PREVIOUS_ENCRYPTION_KEY',
    )
    .action(
      action(async (context) => {
        const { env } = context.io
        const oldKey = env.PAYMENTS_ENCRYPTION_KEY
        if (!oldKey) {
          throw cliError('PAYMENTS_ENCRYPTION_KEY is not set, so nothing stored can be opened.', {
            exitCode: EXIT.notConfigured,
            code: 'NOT_CONFIGURED',
            next: 'Set it to the key that the secrets were stored with.',
          })
        }
        const newKey = env.PAYMENTS_NEW_ENCRYPTION_KEY ?? (await askNewKey())
        const { isEncryptionKey } = await import('../../../functions/core/config.ts')
        if (!isEncryptionKey(newKey)) {
          throw cliError('The new key must be 32 bytes in base64.', {
            code: 'INVALID_INPUT',
            next: '`openssl rand -base64 32` prints one.',
          })
        }
        if (newKey === oldKey) {
          throw cliError('The new key is the old one.', {
            code: 'INVALID_INPUT',
            next: '`openssl rand -base64 32` prints another one.',
          })
        }
        await context.confirm(
          'Re-encrypt every stored secret with the new key? Handlers without it can open none of them afterwards.',
        )
        const rotated = await withDeps(context, 'The rotation', async ({ database }) => {
          const { rotateEncryptionKey } = await import('../../../functions/connection/keys.ts')
          return rotateEncryptionKey(database, oldKey, newKey)
        })
        context.show({ rotated }, () =>
          [
            `${count(rotated, 'secret')} ${rotated === 1 ? 'is' : 'are'} encrypted with the new key.`,
            'Handlers that have both keys keep working; remove PAYMENTS_PREVIOUS_ENCRYPTION_KEY from them.',
            'Handlers that have only the old key need the new one as PAYMENTS_ENCRYPTION_KEY, and a restart.',
          ].join('\n'),
        )

        async function askNewKey(): Promise<string> {
          if (context.interactive)
            return context.askSecret('The new key, as `openssl rand -base64 32` prints one')
          throw cliError('No new key was given, and there is no terminal to ask for it.', {
            code: 'INVALID_INPUT',
            next: 'Set PAYMENTS_NEW_ENCRYPTION_KEY; `openssl rand -base64 32` prints one.',
          })
        }
      }),
    )
}
