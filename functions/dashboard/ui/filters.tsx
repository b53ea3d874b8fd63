/** Filters of a list. The address holds them, so that every view can be linked to. */
import { useNavigate, useSearch } from '@tanstack/react-router'
import { ListFilter, X } from 'lucide-react'
import { type ReactNode, useEffect, useState } from 'react'
import { useMedia } from '../hooks/use-media.ts'
import { texts } from '../texts.ts'
import { Button } from './button.tsx'
import { SelectField, TextField } from './field.tsx'

export type FilterValues = Record<string, string | undefined>

/** The filters in the address, and what changes some of them. */
export function useFilters(): [FilterValues, (changed: FilterValues) => void] {
  const values = useSearch({ strict: false }) as FilterValues
  const navigate = useNavigate()
  const change = (changed: FilterValues) => {
    const next = Object.entries({ ...values, ...changed }).filter(([, value]) => value)
    void navigate({ to: '.', search: Object.fromEntries(next) as never, replace: true })
  }
  return [values, change]
}

/** In a narrow window the filters are behind a button, which says how many are set. */
export function FilterBar({ names, children }: { names: string[]; children: ReactNode }) {
  const [values, change] = useFilters()
  const isNarrow = useMedia('(max-width: 40rem)')
  const [isOpen, setOpen] = useState(false)
  const count = names.filter((name) => values[name]).length
  return (
    // biome-ignore lint/a11y/useSemanticElements: the filters act at once, there is nothing to send
    <div role="search" aria-label={texts.lists.filters} className="flex flex-wrap items-end gap-3">
      {isNarrow && (
        <Button icon={ListFilter} aria-expanded={isOpen} onClick={() => setOpen(!isOpen)} className="w-full">
          {count > 0 ? texts.lists.filtersSet(count) : texts.lists.filters}
        </Button>
      )}
      {(!isNarrow || isOpen) && children}
      {count > 0 && (
        <Button
          look="quiet"
          icon={X}
          onClick={() => change(Object.fromEntries(names.map((name) => [name, undefined])))}
        >
          {texts.lists.clear}
        </Button>
      )}
    </div>
  )
}

export function SelectFilter({
  name,
  label,
  options,
}: {
  name: string
  label: string
  options: [value: string, shown: string][]
}) {
  const [values, change] = useFilters()
  return (
    <div className="w-36 max-sm:w-[calc(50%-0.375rem)]">
      <SelectField
        label={label}
        value={values[name] ?? ''}
        onChange={({ target }) => change({ [name]: target.value || undefined })}
        options={[['', texts.lists.any], ...options]}
      />
    </div>
  )
}

type TextFilterProps = { name: string; label: string; placeholder?: string; wide?: boolean; type?: string }

/** Applies what was typed on Enter, on leaving the field, or after a moment. */
export function TextFilter({ name, label, placeholder, wide = false, type = 'text' }: TextFilterProps) {
  const [values, change] = useFilters()
  const applied = values[name] ?? ''
  const [typed, setTyped] = useState(applied)
  useEffect(() => setTyped(applied), [applied])
  const apply = () => typed.trim() !== applied && change({ [name]: typed.trim() || undefined })
  // biome-ignore lint/correctness/useExhaustiveDependencies: only typing starts the moment
  useEffect(() => {
    const timer = setTimeout(apply, 400)
    return () => clearTimeout(timer)
  }, [typed])
  return (
    <div className={wide ? 'w-72 max-sm:w-full' : 'w-36 max-sm:w-[calc(50%-0.375rem)]'}>
      <TextField
        label={label}
        type={type}
        value={typed}
        placeholder={placeholder}
        spellCheck={false}
        onChange={({ target }) => setTyped(target.value)}
        onBlur={apply}
        onKeyDown={({ key }) => key === 'Enter' && apply()}
      />
    </div>
  )
}

/** The first and the last day, in the viewer's zone. */
export function DayFilters() {
  return (
    <div className="flex gap-3 max-sm:w-full">
      <DayFilter name="from" label={texts.lists.from} />
      <DayFilter name="to" label={texts.lists.to} />
    </div>
  )
}

function DayFilter({ name, label }: { name: string; label: string }) {
  const [values, change] = useFilters()
  return (
    <div className="w-36 max-sm:w-[calc(50%-0.375rem)]">
      <TextField
        label={label}
        type="date"
        value={values[name] ?? ''}
        onChange={({ target }) => change({ [name]: target.value || undefined })}
      />
    </div>
  )
}
