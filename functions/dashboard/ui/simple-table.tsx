import type { ReactNode } from 'react'
import { classes } from './classes.ts'
import { ScrollBox } from './scroll-box.tsx'

type SimpleTableProps = { label: string; headers: { name: string; align?: 'end' }[]; children: ReactNode }

/** A short table in the page; it scrolls sideways on its own where it is too wide. */
export const SimpleTable = ({ label, headers, children }: SimpleTableProps) => (
  <ScrollBox label={label} className="overflow-x-auto">
    <table className="w-full text-sm">
      <thead>
        <tr className="border-line border-b">
          {headers.map(({ name, align }) => (
            <th
              key={name}
              scope="col"
              className={classes(
                'whitespace-nowrap px-3 py-2 font-medium text-muted text-xs first:pl-5 last:pr-5',
                align === 'end' ? 'text-right' : 'text-left',
              )}
            >
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  </ScrollBox>
)

export const Row = ({ children }: { children: ReactNode }) => (
  <tr className="border-line border-b last:border-b-0">{children}</tr>
)

export const Cell = ({ children, align }: { children?: ReactNode; align?: 'end' }) => (
  <td
    className={classes(
      'max-w-96 truncate px-3 py-2.5 first:pl-5 last:pr-5',
      align === 'end' && 'tabular text-right',
    )}
  >
    {children}
  </td>
)
