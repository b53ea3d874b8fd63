/** Which tokens of users the handlers accept. */
import type { Config } from '../../../../functions/app.ts'
import { showPath } from '../../../../functions/core/token-settings.ts'
import type { Report } from './report.ts'

/** Projects that share a key set differ only in the issuer, because a signature proves no more than the key. */
export async function checkTokens(config: Config, report: Report): Promise<void> {
  const { VERIFY_TOKENS } = await import('../../../../functions/core/auth.ts')
  if (config.jwtSecret === null && config.jwksUrl === null)
    return report.warn('tokens', 'No token can be verified, so only guests can pay.', VERIFY_TOKENS)
  const isOpen = config.jwksUrl !== null && config.jwtIssuers === null
  if (isOpen) {
    const which = config.jwtAudiences === null ? '' : ' if they name the audience'
    report.warn(
      'tokens',
      `PAYMENTS_JWT_ISSUER is not set, so tokens of every project that shares the key set of PAYMENTS_JWKS_URL are accepted${which}.`,
      'Set PAYMENTS_JWT_ISSUER to the iss of your tokens, and PAYMENTS_JWT_AUDIENCE to their aud where one issuer serves several apps.',
    )
  }
  const { role, defaultRole, user } = config.tokens
  if (defaultRole === 'authenticated')
    report.ok(
      'tokens',
      `every verified token${role === null ? '' : ` without the claim ${showPath(role)}`} is a user's, whom ${showPath(user)} names`,
    )
  if (!isOpen)
    report.ok(
      'tokens',
      config.jwtIssuers ? `accepted only from ${config.jwtIssuers.join(', ')}` : 'can be verified',
    )
}
