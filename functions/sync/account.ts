/**
 * Proves that a key is of the account that the rows come from: Stripe knows one of their objects by this key. Without
 * that, a listing of another account would mark every row as gone.
 */
import type { StripeEnvironment } from '../../types/api.ts'
import type { StripeObjectRef } from '../../types/stripe.ts'
import { isApiError } from '../core/errors.ts'
import { checkKnownObjects, knownObjects } from '../core/sql.ts'
import type { StripeApi } from '../core/stripe.ts'
import type { Deps } from '../deps.ts'
import { type Pause, untilStopped, withRetries } from './retries.ts'

type AccountDeps = Pick<Deps, 'database' | 'log'> & { pause?: Pause }

export type AccountOptions = {
  environment: StripeEnvironment
  /** Accepts that Stripe knows none of the rows, if the key is of the account that is recorded. */
  acceptErased?: boolean
  signal?: AbortSignal
}

/**
 * Returns the account of the key, whose id is null if the key may not read it. Returns null as soon as the signal
 * aborts.
 *
 * @throws 409 if the key is of another account than the rows
 */
export async function proveAccount(
  options: AccountOptions,
  stripe: StripeApi,
  deps: AccountDeps,
): Promise<{ accountId: string | null } | null> {
  return untilStopped(readAccount(options, stripe, deps), options.signal)
}

async function readAccount(
  { environment, acceptErased = false, signal }: AccountOptions,
  stripe: StripeApi,
  deps: AccountDeps,
): Promise<{ accountId: string | null }> {
  const accountId = await withRetries(() => stripe.accountId(), deps, signal)
  const asked = await knownObjects(deps.database, { environment })
  const seen = await firstKnown(asked, (ref) => withRetries(() => stripe.retrieve(ref), deps, signal))
  await checkKnownObjects(deps.database, { environment, accountId, asked, seen, acceptErased })
  return { accountId }
}

/** The first of these objects that Stripe knows. A key that may not read one kind may read another. */
export async function firstKnown(
  asked: StripeObjectRef[],
  retrieve: (ref: StripeObjectRef) => Promise<unknown>,
): Promise<StripeObjectRef | null> {
  for (const ref of asked) {
    try {
      await retrieve(ref)
      return ref
    } catch (error) {
      if (!isUnknownObject(error) && !(isApiError(error) && error.status === 403)) throw error
    }
  }
  return null
}

/** Whether Stripe said that there is no such object. */
export function isUnknownObject(error: unknown): boolean {
  const cause = isApiError(error)
    ? (error.cause as { code?: string; statusCode?: number } | undefined)
    : undefined
  return cause?.code === 'resource_missing' || cause?.statusCode === 404
}
