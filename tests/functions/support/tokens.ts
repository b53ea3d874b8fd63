/** Access tokens as an auth server of the app would give them out. */
import { type JWTPayload, SignJWT } from 'jose'

export const JWT_SECRET = 'the-secret-of-the-app-in-these-tests-0001'

/** A signed token; it is good for an hour unless `expiresIn` (seconds) says otherwise. */
export function token(
  claims: JWTPayload,
  { secret = JWT_SECRET, expiresIn = 3600 }: { secret?: string; expiresIn?: number } = {},
): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + expiresIn)
    .sign(new TextEncoder().encode(secret))
}

export const userToken = (id: string) => token({ sub: id, role: 'authenticated' })
