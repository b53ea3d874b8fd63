/** Who owns a purchase, in the words of the app. */
export function Subject({ type, id }: { type: string | null; id: string | null }) {
  if (typeof id !== 'string') return <span className="text-muted">–</span>
  return (
    <span className="min-w-0 truncate">
      <span className="text-muted">{type}</span> {id}
    </span>
  )
}
