/** Access tokens as an app's own login would give them out. For development and tests only. */
import { type JWTPayload, SignJWT } from 'jose'

const LIFETIME_SECONDS = 24 * 3600

/** The token of a signed-in user. */
export function signToken(secret: string, claims: JWTPayload): Promise<string> {
  return new SignJWT({ role: 'authenticated', ...claims })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + LIFETIME_SECONDS)
    .sign(new TextEncoder().encode(secret))
}
