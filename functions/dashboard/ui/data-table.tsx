// biome-ignore-all lint/a11y/useSemanticElements: rows that are placed by their offset cannot be rows of a table element
/**
 * A list of any length: only the rows in view are in the document, and the next page is read before its end is reached.
 */
import { useWindowVirtualizer } from '@tanstack/react-virtual'
import { type ReactNode, useEffect, useLayoutEffect, useRef, useState } from 'react'
import type { List } from '../hooks/use-list.ts'
import { useMedia } from '../hooks/use-media.ts'
import { texts } from '../texts.ts'
import { Button } from './button.tsx'
import { classes } from './classes.ts'
import { ErrorNote } from './note.tsx'
import { Skeleton } from './skeleton.tsx'

export type Column<Row> = {
  id: string
  header: string
  cell: (row: Row) => ReactNode
  /** A track of the grid, for example `minmax(12rem, 2fr)`. */
  track: string
  align?: 'end'
  /** The least width of the window at which the column is shown. */
  from?: 'sm' | 'md' | 'lg' | 'xl'
  /** In narrower windows it is shown below the first column, instead of nowhere. */
  under?: true
}

const ROW_HEIGHT = 45
const ROWS_BEFORE_END = 15

function useShown<Row>(columns: Column<Row>[]): Column<Row>[] {
  const matches = {
    sm: useMedia('(min-width: 40rem)'),
    md: useMedia('(min-width: 52rem)'),
    lg: useMedia('(min-width: 72rem)'),
    xl: useMedia('(min-width: 92rem)'),
  }
  return columns.filter(({ from }) => from === undefined || matches[from])
}

type DataTableProps<Row> = {
  label: string
  columns: Column<Row>[]
  list: List<Row>
  keyOf: (row: Row) => string
  /** Shown in the place of no rows. */
  empty: ReactNode
}

export function DataTable<Row>({ label, columns, list, keyOf, empty }: DataTableProps<Row>) {
  const { rows, error, isLoading, isStale } = list
  if (isLoading)
    return (
      <div className="p-5">
        <Skeleton lines={8} />
      </div>
    )
  if (error && rows.length === 0)
    return (
      <div className="p-5">
        <ErrorNote error={error} onRetry={list.reload} />
      </div>
    )
  if (rows.length === 0) return empty
  return (
    <div aria-busy={isStale} className={classes('transition-opacity', isStale && 'opacity-60')}>
      <Rows label={label} columns={columns} list={list} keyOf={keyOf} />
      <Ending list={list} />
    </div>
  )
}

function Rows<Row>({ label, columns, list, keyOf }: Omit<DataTableProps<Row>, 'empty'>) {
  const { rows, hasMore, loadMore } = list
  const shown = useShown(columns)
  const body = useRef<HTMLDivElement>(null)
  const [scrollMargin, setScrollMargin] = useState(0)
  useLayoutEffect(() => {
    const top = body.current?.getBoundingClientRect().top ?? 0
    setScrollMargin(Math.round(top + window.scrollY))
  }, [])
  const virtualizer = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => ROW_HEIGHT,
    overscan: 6,
    scrollMargin,
  })
  const items = virtualizer.getVirtualItems()
  const last = items.at(-1)?.index ?? 0
  // biome-ignore lint/correctness/useExhaustiveDependencies: `loadMore` is another function each time
  useEffect(() => {
    if (hasMore && last >= rows.length - ROWS_BEFORE_END) loadMore()
  }, [hasMore, last, rows.length])
  const under = columns.filter((column) => column.under && !shown.includes(column))
  const gridTemplateColumns = shown.map(({ track }) => track).join(' ')
  return (
    <div role="table" aria-label={label} aria-rowcount={hasMore ? -1 : rows.length + 1}>
      <Header columns={shown} gridTemplateColumns={gridTemplateColumns} />
      <div ref={body} role="rowgroup" className="relative" style={{ height: virtualizer.getTotalSize() }}>
        {items.map((item) => {
          const row = rows[item.index] as Row
          return (
            <div
              key={keyOf(row)}
              ref={virtualizer.measureElement}
              data-index={item.index}
              role="row"
              tabIndex={-1}
              aria-rowindex={item.index + 2}
              className="absolute inset-x-0 grid items-center gap-x-4 border-line border-b px-5 py-2.5 text-sm hover:bg-sunken/60 has-[a:focus-visible]:bg-sunken"
              style={{ gridTemplateColumns, transform: `translateY(${item.start - scrollMargin}px)` }}
            >
              {shown.map(({ id, cell, align }, place) => (
                <div
                  key={id}
                  role="cell"
                  className={classes(
                    'flex min-w-0 items-center',
                    align === 'end' && 'tabular justify-end text-right',
                  )}
                >
                  <div className="min-w-0">
                    <div className="truncate">{cell(row)}</div>
                    {place === 0 && under.length > 0 && <Under columns={under} row={row} />}
                  </div>
                </div>
              ))}
            </div>
          )
        })}
      </div>
    </div>
  )
}

/** What there is no room for beside the first column. */
const Under = <Row,>({ columns, row }: { columns: Column<Row>[]; row: Row }) => (
  <div className="flex gap-3 truncate text-muted text-xs">
    {columns.map(({ id, cell }) => (
      <span key={id} className="truncate">
        {cell(row)}
      </span>
    ))}
  </div>
)

function Header<Row>({
  columns,
  gridTemplateColumns,
}: {
  columns: Column<Row>[]
  gridTemplateColumns: string
}) {
  return (
    <div role="rowgroup" className="sticky top-14 z-20 rounded-t-card border-line border-b bg-surface">
      <div role="row" tabIndex={-1} className="grid gap-x-4 px-5 py-2" style={{ gridTemplateColumns }}>
        {columns.map(({ id, header, align }) => (
          <div
            key={id}
            role="columnheader"
            tabIndex={-1}
            className={classes('truncate font-medium text-muted text-xs', align === 'end' && 'text-right')}
          >
            {header}
          </div>
        ))}
      </div>
    </div>
  )
}

function Ending<Row>({ list }: { list: List<Row> }) {
  const { rows, error, hasMore, isLoadingMore, loadMore, reload } = list
  return (
    <div className="px-5 py-3 text-muted text-xs" aria-live="polite">
      {error ? (
        <ErrorNote error={error} onRetry={reload} />
      ) : isLoadingMore ? (
        texts.lists.loadingMore
      ) : hasMore ? (
        <Button small onClick={loadMore}>
          {texts.lists.more}
        </Button>
      ) : (
        texts.lists.end(rows.length)
      )}
    </div>
  )
}

/** The link of a row, which covers the whole row. */
export const ROW_LINK =
  'font-medium text-ink no-underline hover:text-accent-strong after:absolute after:inset-0 after:content-[""]'
