import { Fact, Facts } from './facts.tsx'

/** Keys and values that the app or Stripe stored; always shown as text. */
export function Metadata({ metadata }: { metadata: Record<string, unknown> | null | undefined }) {
  const entries = Object.entries(metadata ?? {})
  if (entries.length === 0) return null
  return (
    <Facts>
      {entries.map(([key, value]) => (
        <Fact key={key} name={key}>
          <span className="break-all font-mono text-[0.8125rem]">
            {typeof value === 'string' ? value : JSON.stringify(value)}
          </span>
        </Fact>
      ))}
    </Facts>
  )
}
