import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { Boundary } from './boundary.tsx'
import { ErrorNote } from './note.tsx'
import { Skeleton } from './skeleton.tsx'

/** What a page about one object shows while it is loaded, when it cannot be, and once it is there. */
export function Loaded<Data>({
  query: { data, error, refetch },
  children,
}: {
  query: UseQueryResult<Data, Error>
  children: (data: Data) => ReactNode
}) {
  if (data === undefined && error) return <ErrorNote error={error} onRetry={() => void refetch()} />
  if (data === undefined) return <Skeleton lines={8} />
  return (
    <Boundary>
      <Content data={data}>{children}</Content>
    </Boundary>
  )
}

/** Rendered inside of the boundary, so that an unexpected form of the answer is caught by it. */
const Content = <Data,>({ data, children }: { data: Data; children: (data: Data) => ReactNode }) =>
  children(data)
