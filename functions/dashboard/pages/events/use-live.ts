import { type InfiniteData, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { Answer, Input } from '../../api/call.ts'
import { useCall } from '../../hooks/use-call.ts'
import { type List, listKey } from '../../hooks/use-list.ts'

type Events = Answer<'listWebhookEvents'>
type EventsInput = Input<'listWebhookEvents'>

const POLL_MS = 4000

export type Live = { isOn: boolean; toggle: () => void; hasNewer: boolean }

/**
 * Follows the ledger. New events appear by themselves while the first page is shown. On later pages they are only
 * announced, so that rows do not move away from under the reader.
 */
export function useLive(input: EventsInput, list: List<Events['events'][number]>): Live {
  const client = useQueryClient()
  const [isOn, setOn] = useState(true)
  const query = { limit: '50', ...input.query }
  const { data, dataUpdatedAt } = useCall(
    'listWebhookEvents',
    { ...input, query },
    { enabled: isOn, refetchInterval: isOn ? POLL_MS : false, staleTime: 0 },
  )
  const isFirstPage = list.pageCount === 1
  const hasNewer =
    !isFirstPage && !list.isLoading && data !== undefined && data.events[0]?.eventId !== list.rows[0]?.eventId
  // biome-ignore lint/correctness/useExhaustiveDependencies: each answer of the poll is taken over once
  useEffect(() => {
    if (!isOn || !data || !isFirstPage || list.isStale) return
    client.setQueryData<InfiniteData<Events, string | undefined>>(listKey('listWebhookEvents', input), {
      pages: [data],
      pageParams: [undefined],
    })
  }, [dataUpdatedAt, isOn, isFirstPage])
  return { isOn, toggle: () => setOn(!isOn), hasNewer }
}
