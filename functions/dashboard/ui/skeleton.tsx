import { texts } from '../texts.ts'

/** Bars in the place of what is being loaded. */
export function Skeleton({ lines = 3 }: { lines?: number }) {
  return (
    <div role="status" className="flex flex-col gap-3 py-1">
      <span className="sr-only">{texts.common.loading}</span>
      {Array.from({ length: lines }, (_, line) => (
        <div
          // biome-ignore lint/suspicious/noArrayIndexKey: the bars have no identity
          key={line}
          className="h-4 animate-pulse rounded bg-sunken nth-[3n]:w-2/3 nth-[3n+1]:w-11/12 nth-[3n+2]:w-4/5"
        />
      ))}
    </div>
  )
}
