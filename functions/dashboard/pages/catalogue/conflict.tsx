import { texts } from '../../texts.ts'
import { Button } from '../../ui/button.tsx'
import { Note } from '../../ui/note.tsx'

const t = texts.catalogue

export type Difference = { name: string; theirs: string; yours: string }

type ConflictProps = {
  differences: Difference[]
  busy: boolean
  onTakeTheirs: () => void
  onSaveMine: () => void
}

/** Tells the second of two editors what the first one saved, beside what they are about to save. */
export const Conflict = ({ differences, busy, onTakeTheirs, onSaveMine }: ConflictProps) => (
  <Note tone="warn" alert title={t.changedMeanwhile}>
    <p>{t.changedMeanwhileNext}</p>
    <table className="my-2 w-full table-fixed text-left">
      <thead>
        <tr>
          {['', t.theirs, t.yours].map((name) => (
            <th key={name} scope="col" className="py-1 pr-2 text-xs">
              {name || <span className="sr-only">{texts.sync.field}</span>}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {differences.map(({ name, theirs, yours }) => (
          <tr key={name}>
            <th scope="row" className="py-1 pr-2 font-medium">
              {name}
            </th>
            <td className="break-words pr-2">{theirs || '–'}</td>
            <td className="break-words">{yours || '–'}</td>
          </tr>
        ))}
      </tbody>
    </table>
    <div className="flex flex-wrap gap-2">
      <Button small onClick={onTakeTheirs}>
        {t.takeTheirs}
      </Button>
      <Button small look="primary" busy={busy} onClick={onSaveMine}>
        {t.saveMine}
      </Button>
    </div>
  </Note>
)
