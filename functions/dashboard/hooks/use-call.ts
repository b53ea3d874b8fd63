/** One answer of the API, and changes through it. */
import { type UseQueryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type Answer, call, type Input, type OperationId } from '../api/call.ts'
import { useSay } from '../ui/toasts.tsx'

type Options<Value> = Partial<
  Pick<UseQueryOptions<Value, Error>, 'enabled' | 'refetchInterval' | 'staleTime' | 'refetchOnWindowFocus'>
>

export const callKey = (id: OperationId, input: object) => [id, 'one', input]

export function useCall<Id extends OperationId>(id: Id, input: Input<Id>, options: Options<Answer<Id>> = {}) {
  return useQuery<Answer<Id>, Error>({
    queryKey: callKey(id, input),
    queryFn: ({ signal }) => call(id, input, signal),
    ...options,
  })
}

type Change<Id extends OperationId> = {
  /** What is said when it was done. */
  done?: string | ((answer: Answer<Id>) => string)
  onDone?: (answer: Answer<Id>) => void
}

/**
 * How long Stripe's events about a change usually take to arrive. Stripe's clock shows whole seconds. So the event
 * about an earlier change of the same second can replace the answer to a later one, until that one's event arrives.
 */
const EVENTS_ARRIVE_MS = 3_000

/**
 * Carries out an operation that changes something. Everything that is shown is then read again, and once more after its
 * events.
 */
export function useChange<Id extends OperationId>(id: Id, { done, onDone }: Change<Id> = {}) {
  const client = useQueryClient()
  const say = useSay()
  const readAgain = () => client.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' })
  return useMutation<Answer<Id>, Error, Input<Id>>({
    mutationFn: (input) => call(id, input),
    onSuccess: (answer) => {
      if (done !== undefined) say(typeof done === 'string' ? done : done(answer))
      onDone?.(answer)
    },
    onSettled: () => {
      setTimeout(readAgain, EVENTS_ARRIVE_MS)
      return readAgain()
    },
  })
}
