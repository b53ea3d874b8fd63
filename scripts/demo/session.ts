/** Who is signed in to the shop: a signed cookie with the user's name, and the access token that the SDK sends. */
import { getSignedCookie, setSignedCookie } from 'hono/cookie'
import { SignJWT } from 'jose'
import type { Caller } from './checkout.ts'
import { USERS, type User } from './pages.ts'

type Context = Parameters<typeof getSignedCookie>[0]

export type Session = {
  /** The user who is signed in, else `guest`. */
  userOf(c: Context): Promise<User>
  signIn(c: Context, user: User): Promise<void>
  /** The access token of a user; null for a guest. */
  tokenOf(user: User): Promise<string | null>
}

export const isUser = (value: unknown): value is User =>
  typeof value === 'string' && Object.hasOwn(USERS, value)

/** The user's id as the database knows it; null for a guest. */
export const idOf = (user: User): string | null => (user === 'guest' ? null : user)

/** The claims that a token of this user holds. */
export const callerOf = (user: User): Caller =>
  user === 'guest' ? { role: 'anon' } : { role: 'authenticated', sub: user }

export function createSession({ url, jwtSecret }: { url: string; jwtSecret: string }): Session {
  // Cookies ignore ports. The name has the port, so that two demos on one machine do not sign each other out.
  const cookie = `shop_user_${new URL(url).port}`
  return {
    async userOf(c) {
      const value = await getSignedCookie(c, jwtSecret, cookie)
      return isUser(value) ? value : 'guest'
    },
    async signIn(c, user) {
      await setSignedCookie(c, cookie, user, jwtSecret, { httpOnly: true, sameSite: 'Lax', path: '/' })
    },
    async tokenOf(user) {
      if (user === 'guest') return null
      return new SignJWT({ role: 'authenticated' })
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject(user)
        .setIssuedAt()
        .setExpirationTime('15m')
        .sign(new TextEncoder().encode(jwtSecret))
    },
  }
}
