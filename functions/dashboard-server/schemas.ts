/** Sessions of the dashboard as schemas: what requests must look like, and what answers hold. */
import { z } from 'zod'
import * as s from '../core/schema-parts.ts'

export const signInBody = s
  .request('SignInRequest', {
    key: s
      .text(1, 8192)
      .describe("The admin key, the read-only key, or an admin's token. Either this or `code`.")
      .optional(),
    code: s.text(1, 255).describe('The code of a login link. It is valid once.').optional(),
  })
  .refine(({ key, code }) => (key === undefined) !== (code === undefined), 'must have either key or code')

const session = s.answer('DashboardSession', {
  role: z.enum(['admin', 'reader']).describe('A reader sees everything but secrets, and changes nothing.'),
  expiresAt: s.instant,
  csrfToken: z.string().describe('Send it as `X-CSRF-Token` with every change.'),
  signedInWith: z.enum(['key', 'token', 'link']),
})

export const signInResponse = s.answer('SignInResponse', { session })
export const signOutResponse = s.answer('SignOutResponse', { signedOut: z.literal(true) })
export const dashboardResponse = s.answer('GetDashboardSessionResponse', {
  session: session.nullable().describe('Null if nobody is signed in.'),
  hasExpired: z.boolean().describe('Whether there was a session that is over.'),
  version: z.string(),
  environments: z.array(s.environment),
  canSignIn: z.boolean().describe('False if no admin can exist here.'),
  problem: s.nullable.describe('Why nobody can sign in, as a sentence.'),
})
