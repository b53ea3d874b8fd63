import { type KeyboardEvent, useDeferredValue, useEffect, useRef, useState } from 'react'
import type { SearchResult } from '../../../types/api.ts'
import { useCall } from '../hooks/use-call.ts'
import { texts } from '../texts.ts'
import { Badge } from '../ui/badge.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { TextField } from '../ui/field.tsx'
import { AppLink } from '../ui/link.tsx'
import { ErrorNote } from '../ui/note.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { useEnvironment } from './environment.ts'
import { placeOfResult } from './search-places.ts'

const PAUSE_MS = 200

/** Finds a customer, a subject or any object by its beginning or its id. */
export function SearchDialog({ onClose }: { onClose: () => void }) {
  const [typed, setTyped] = useState('')
  const [query, setQuery] = useState('')
  const list = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const timer = setTimeout(() => setQuery(typed.trim()), PAUSE_MS)
    return () => clearTimeout(timer)
  }, [typed])
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
    event.preventDefault()
    const stops = [...(list.current?.querySelectorAll<HTMLElement>('input, a[href]') ?? [])]
    const at = stops.indexOf(document.activeElement as HTMLElement)
    stops.at((at + (event.key === 'ArrowDown' ? 1 : -1)) % stops.length)?.focus()
  }
  return (
    <Dialog title={texts.search.title} onClose={onClose}>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the arrows move the focus among what is in it */}
      <div ref={list} onKeyDown={onKeyDown}>
        <TextField
          label={texts.search.label}
          hint={texts.search.hint}
          type="search"
          autoFocus
          spellCheck={false}
          maxLength={255}
          value={typed}
          onChange={({ target }) => setTyped(target.value)}
        />
        <div className="mt-3 max-h-[55vh] min-h-16 overflow-y-auto">
          {query !== '' && <Results query={query} onClose={onClose} />}
        </div>
      </div>
    </Dialog>
  )
}

function Results({ query, onClose }: { query: string; onClose: () => void }) {
  const environment = useEnvironment()
  const q = useDeferredValue(query)
  const { data, error, isPending } = useCall('searchEverything', { params: { environment }, query: { q } })
  if (error) return <ErrorNote error={error} />
  if (isPending) return <Skeleton />
  const { results } = data
  return (
    <>
      <p role="status" className="mb-1 text-muted text-xs">
        {results.length === 0 ? texts.search.none(q) : texts.search.results(results.length)}
      </p>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: Enter on a link is a click */}
      <ul onClick={(event) => (event.target as Element).closest('a') && onClose()}>
        {results.map((result) => (
          <Result key={`${result.kind} ${result.id}`} result={result} environment={environment} />
        ))}
      </ul>
    </>
  )
}

function Result({ result, environment }: { result: SearchResult; environment: string }) {
  const { to, search } = placeOfResult(result)
  return (
    <li>
      <AppLink
        to={`/${environment}/${to}`}
        search={search}
        className="flex items-center justify-between gap-3 rounded-lg px-2 py-2 text-sm no-underline hover:bg-sunken"
      >
        <span className="min-w-0">
          <span className="block truncate font-medium">{result.title}</span>
          {result.subtitle && <span className="block truncate text-muted text-xs">{result.subtitle}</span>}
        </span>
        <Badge>{texts.search.kinds[result.kind] ?? result.kind}</Badge>
      </AppLink>
    </li>
  )
}
