/** A list of the API, page after page by its cursor. */
import { keepPreviousData, type QueryClient, useInfiniteQuery, useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useMemo } from 'react'
import type { StripeEnvironment } from '../../../types/api.ts'
import { type Answer, call, type Input, type OperationId } from '../api/call.ts'
import { isFailure } from '../api/failure.ts'

const PAGE_SIZE = '50'

export type List<Row> = {
  rows: Row[]
  isLoading: boolean
  /** Rows of former filters are shown while the new ones are on their way. */
  isStale: boolean
  error: Error | null
  hasMore: boolean
  isLoadingMore: boolean
  loadMore: () => void
  /** Reads the list from its beginning. */
  reload: () => void
  pageCount: number
}

type Paged = { nextCursor: string | null }

export const listKey = (id: OperationId, input: object) => [id, 'list', input]

/** How a list is read, from its first page on. */
function reading<Id extends OperationId>(id: Id, input: Input<Id>) {
  return {
    queryKey: listKey(id, input),
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }: { pageParam: string | undefined; signal: AbortSignal }) => {
      const query = { limit: PAGE_SIZE, ...(input.query as object | undefined), cursor: pageParam }
      return call(id, { ...input, query } as Input<Id>, signal)
    },
    getNextPageParam: (answer: Answer<Id>) => (answer as Paged).nextCursor ?? undefined,
  }
}

/** Begins to read a list before its page is shown. What fails is read again by the page, which shows the error. */
export const prefetchList = <Id extends OperationId>(client: QueryClient, id: Id, input: Input<Id>) =>
  client.prefetchInfiniteQuery(reading(id, input))

/** What a page may export, so that the first load of the dashboard need not wait for it to be rendered. */
export type Prefetch = (
  client: QueryClient,
  params: { environment: StripeEnvironment },
  values: Record<string, string | undefined>,
) => Promise<void>

export function useList<Id extends OperationId, Row>(
  id: Id,
  input: Input<Id>,
  rowsOf: (answer: Answer<Id>) => Row[],
): List<Row> {
  const client = useQueryClient()
  const key = listKey(id, input)
  const found = useInfiniteQuery({ ...reading(id, input), placeholderData: keepPreviousData })
  const { data, error, fetchNextPage, hasNextPage, isFetchingNextPage } = found
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key holds all that the list depends on
  const reload = useCallback(() => void client.resetQueries({ queryKey: key }), [client, JSON.stringify(key)])
  // A cursor is valid for a day. Older ones are refused, and the list begins anew.
  const isCursorRefused = isFailure(error) && error.status === 400 && (data?.pages.length ?? 0) > 0
  useEffect(() => {
    if (isCursorRefused) reload()
  }, [isCursorRefused, reload])
  // biome-ignore lint/correctness/useExhaustiveDependencies: what picks the rows never changes for an operation
  const rows = useMemo(() => (data?.pages ?? []).flatMap((answer) => rowsOf(answer)), [data])
  return {
    rows,
    isLoading: found.isPending,
    isStale: found.isPlaceholderData,
    error,
    hasMore: hasNextPage,
    isLoadingMore: isFetchingNextPage,
    loadMore: () => void (hasNextPage && !isFetchingNextPage && error === null && fetchNextPage()),
    reload,
    pageCount: data?.pages.length ?? 0,
  }
}
