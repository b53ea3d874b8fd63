import { formatMoney } from '../../format/money.ts'
import { formatCount } from '../../format/number.ts'
import { texts } from '../../texts.ts'
import { ScrollBox } from '../../ui/scroll-box.tsx'
import type { RevenueDay } from './revenue-days.ts'

/** The plot in numbers, for who cannot see it or wants them exactly. */
export function RevenueTable({ days, currency }: { days: RevenueDay[]; currency: string }) {
  const { day, payments, revenueOf, refundsOf, disputedOf, failedOf } = texts.overview
  return (
    <details className="mt-3 text-sm">
      <summary className="inline-block rounded text-muted hover:text-ink">{texts.overview.asTable}</summary>
      <ScrollBox label={revenueOf} className="mt-2 max-h-96 overflow-auto">
        <table className="tabular w-full min-w-xl text-right">
          <thead>
            <tr className="border-line border-b text-muted text-xs">
              {[day, payments, revenueOf, refundsOf, disputedOf, failedOf].map((name) => (
                <th key={name} scope="col" className="px-2 py-1.5 font-medium first:text-left">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {days.map((row) => (
              <tr key={row.day} className="border-line border-b">
                <th scope="row" className="px-2 py-1.5 text-left font-normal">
                  {row.day}
                </th>
                <td className="px-2">{formatCount(row.payments)}</td>
                <td className="px-2">{formatMoney(row.revenue, currency)}</td>
                <td className="px-2">{formatMoney(row.refunds, currency)}</td>
                <td className="px-2">{formatMoney(row.disputed, currency)}</td>
                <td className="px-2">{formatCount(row.failed)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollBox>
    </details>
  )
}
