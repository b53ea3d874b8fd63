import type { UseQueryResult } from '@tanstack/react-query'
import type { List } from './use-list.ts'

/** A list that one answer holds whole, in the form of one that comes in pages. */
export function wholeList<Row>(query: UseQueryResult<unknown, Error>, rows: Row[]): List<Row> {
  return {
    rows,
    isLoading: query.isPending,
    isStale: false,
    error: query.error,
    hasMore: false,
    isLoadingMore: false,
    loadMore: () => {},
    reload: () => void query.refetch(),
    pageCount: 1,
  }
}
