import { Copy, CornerDownLeft } from 'lucide-react'
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from 'react'
import { texts } from '../../texts.ts'
import { Button } from '../../ui/button.tsx'
import { Card } from '../../ui/card.tsx'
import { useCopy } from '../../ui/copy.tsx'
import { TextField } from '../../ui/field.tsx'
import { ScrollBox } from '../../ui/scroll-box.tsx'

const t = texts.events
/** More marks than these would make the page slow; all matches are counted nevertheless. */
const MARKS_MAX = 500

/** The event as Stripe sent it, as text, with a search and a copy. */
export function Payload({ payload }: { payload: unknown }) {
  const text = useMemo(() => (payload === null ? '' : JSON.stringify(payload, null, 2)), [payload])
  const [query, setQuery] = useState('')
  const [at, setAt] = useState(0)
  const [copied, copy] = useCopy()
  const box = useRef<HTMLPreElement>(null)
  const parts = useMemo(() => partsOf(text, query), [text, query])
  const count = Math.floor(parts.length / 2)
  // biome-ignore lint/correctness/useExhaustiveDependencies: the mark moves when the place or the query changes
  useEffect(() => {
    const mark = box.current?.querySelector('mark[aria-current]')
    mark?.scrollIntoView({ block: 'nearest' })
  }, [at, query])
  if (payload === null || payload === undefined)
    return (
      <Card title={t.payload}>
        <p className="text-muted text-sm">{t.pruned}</p>
      </Card>
    )
  const next = () => count > 0 && setAt((at + 1) % count)
  return (
    <Card
      title={t.payload}
      description={t.payloadLead}
      flush
      actions={
        <Button small icon={Copy} onClick={() => copy(text)}>
          {copied ? texts.common.copied : texts.common.copyAll}
        </Button>
      }
    >
      <div className="flex flex-wrap items-end gap-3 px-5 pb-3">
        <div className="w-72 max-sm:w-full">
          <TextField
            label={t.searchPayload}
            type="search"
            spellCheck={false}
            value={query}
            onChange={({ target }) => {
              setQuery(target.value)
              setAt(0)
            }}
            onKeyDown={({ key }: KeyboardEvent) => key === 'Enter' && next()}
          />
        </div>
        {query !== '' && (
          <>
            <p role="status" className="tabular pb-2 text-muted text-sm">
              {t.matches(Math.min(at + 1, count), count)}
            </p>
            <Button look="quiet" icon={CornerDownLeft} onClick={next} disabled={count < 2}>
              {t.nextMatch}
            </Button>
          </>
        )}
      </div>
      <ScrollBox label={t.payload} className="max-h-[36rem] overflow-auto border-line border-t bg-sunken/50">
        <pre ref={box} className="p-5 font-mono text-[0.8125rem] leading-relaxed">
          {parts.map((part, index) =>
            index % 2 === 0 || index > MARKS_MAX * 2 ? (
              part
            ) : (
              // biome-ignore lint/suspicious/noArrayIndexKey: the parts have no identity but their place
              <mark key={index} aria-current={(index - 1) / 2 === at ? 'true' : undefined}>
                {part}
              </mark>
            ),
          )}
        </pre>
      </ScrollBox>
    </Card>
  )
}

/** The text, cut at each match; every second part is one. */
function partsOf(text: string, query: string): string[] {
  if (query.trim() === '') return [text]
  const pattern = new RegExp(`(${query.trim().replace(/[.*+?^${}()|[\]\\]/g, '\\$&')})`, 'gi')
  return text.split(pattern)
}
