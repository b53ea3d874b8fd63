/** What ends a run that would not end by itself: a list that goes in circles, and a time limit. */
import { type ApiError, apiError } from '../core/errors.ts'
import type { StripePage } from '../core/stripe.ts'

/** A schedule, recovery or sync that is not done after this time ends. The next one resumes there. */
export const RUN_MS_MAX = 10 * 60_000

/** @param what for example `recovery of test` */
export function tookTooLong(what: string, command: string): ApiError {
  return apiError(
    502,
    'UPSTREAM_FAILURE',
    `The ${what} was not done within the ${RUN_MS_MAX / 60_000} minutes of a run. Run \`${command}\` again: it goes on from there.`,
  )
}

/**
 * Refuses a page that shows again what an earlier page of the same list showed. A cursor moves on, so such a list has
 * no end.
 *
 * @param list for example `list of events`
 * @param after the object behind which the first page begins
 */
export function refuseRepeats(list: string, run: string, after?: string): (page: StripePage) => void {
  const begun = new Set<string>()
  let previous = new Set(after === undefined ? [] : [after])
  return ({ objects }) => {
    const ids = objects.flatMap(({ id }) => (id === undefined ? [] : [id]))
    const [first] = ids
    if (first === undefined) return
    if (begun.has(first) || ids.some((id) => previous.has(id)))
      throw apiError(502, 'UPSTREAM_FAILURE', `Stripe's ${list} repeats a page, so the ${run} has ended.`, {
        nextActions: 'Run it again. What was recorded stays.',
      })
    begun.add(first)
    previous = new Set(ids)
  }
}
