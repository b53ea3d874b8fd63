import type { SyncDrift, SyncRun } from '../../../../types/api.ts'
import { formatCount, humanise } from '../../format/number.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'

const t = texts.sync

const hasDrift = ({ rows, missing, deleted }: SyncDrift) => rows + missing + deleted > 0

/** What differed from Stripe, by kind and by field. */
export function Drift({ run: { drift } }: { run: SyncRun }) {
  const kinds = Object.entries(drift ?? {}).filter(([, found]) => hasDrift(found))
  return (
    <Card title={t.drift} description={t.driftLead}>
      {kinds.length === 0 ? (
        <p className="text-muted text-sm">{t.noDrift}</p>
      ) : (
        <div className="grid gap-x-8 gap-y-5 sm:grid-cols-2 xl:grid-cols-3">
          {kinds.map(([kind, found]) => (
            <OfKind key={kind} kind={kind} found={found} />
          ))}
        </div>
      )}
    </Card>
  )
}

function OfKind({ kind, found: { rows, missing, deleted, fields } }: { kind: string; found: SyncDrift }) {
  const said = [
    rows > 0 && t.driftRows(rows),
    missing > 0 && t.driftMissing(missing),
    deleted > 0 && t.driftDeleted(deleted),
  ]
  return (
    <div>
      <h3 className="font-medium text-sm">{t.kindNames[kind] ?? humanise(kind)}</h3>
      <p className="text-muted text-xs">{said.filter(Boolean).join(', ')}</p>
      <dl className="mt-1.5 flex flex-col gap-1 text-sm">
        {Object.entries(fields ?? {}).map(([field, count]) => (
          <div key={field} className="flex justify-between gap-3">
            <dt className="font-mono text-[0.8125rem]">{field}</dt>
            <dd className="tabular">{formatCount(count)}</dd>
          </div>
        ))}
      </dl>
    </div>
  )
}
