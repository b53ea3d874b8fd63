import { Progress as Parts } from 'radix-ui'

/** How far something has come; without a share it only shows that it is under way. */
export function Progress({ label, share }: { label: string; share: number | null }) {
  const value = share === null ? null : Math.round(Math.min(Math.max(share, 0), 1) * 100)
  return (
    <Parts.Root
      value={value}
      max={100}
      aria-label={label}
      className="h-2 w-full overflow-hidden rounded-full bg-sunken"
    >
      <Parts.Indicator
        className={`h-full rounded-full bg-accent transition-[width] duration-500 ${value === null ? 'w-1/3 animate-pulse' : ''}`}
        style={value === null ? undefined : { width: `${value}%` }}
      />
    </Parts.Root>
  )
}
