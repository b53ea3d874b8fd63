import { Eraser } from 'lucide-react'
import type { GetPaymentCustomerResponse } from '../../../../types/api.ts'
import { useChange } from '../../hooks/use-call.ts'
import { useConfirm } from '../../shell/confirm.tsx'
import { useParamsOfEnvironment } from '../../shell/environment.ts'
import { ChangeButton } from '../../shell/role.tsx'
import { texts } from '../../texts.ts'
import { Badge } from '../../ui/badge.tsx'
import { Card } from '../../ui/card.tsx'
import { ErrorNote, Note } from '../../ui/note.tsx'
import { Subject } from '../../ui/subject.tsx'
import { Time } from '../../ui/time.tsx'

const t = texts.customers

type SubjectOf = GetPaymentCustomerResponse['subjects'][number]

/** Which subjects of the app the customer pays for, how that is known, and how to forget one. */
export function Subjects({ subjects }: { subjects: SubjectOf[] }) {
  const params = useParamsOfEnvironment()
  const ask = useConfirm()
  const erase = useChange('eraseSubject')
  const onErase = async ({ subjectType, subjectId }: SubjectOf) => {
    const question = {
      title: texts.owners.eraseTitle(`${subjectType} ${subjectId}`),
      body: texts.owners.eraseBody,
      action: texts.owners.erase,
    }
    if (await ask(question)) erase.mutate({ params, body: { subjectType, subjectId } })
  }
  return (
    <Card title={t.subjects} description={t.subjectsLead}>
      {subjects.length === 0 ? (
        <p className="text-muted text-sm">{t.noSubjects}</p>
      ) : (
        <ul className="flex flex-col divide-y divide-line">
          {subjects.map((subject) => (
            <SubjectItem
              key={`${subject.subjectType} ${subject.subjectId}`}
              subject={subject}
              busy={erase.isPending}
              onErase={() => void onErase(subject)}
            />
          ))}
        </ul>
      )}
      {erase.data && (
        <div className="mt-3">
          <Note tone={erase.data.erasure.livingSubscriptions > 0 ? 'warn' : 'good'} alert>
            {texts.owners.erased(erase.data.erasure)}
          </Note>
        </div>
      )}
      {erase.error && (
        <div className="mt-3">
          <ErrorNote error={erase.error} />
        </div>
      )}
    </Card>
  )
}

type SubjectItemProps = { subject: SubjectOf; busy: boolean; onErase: () => void }

const SubjectItem = ({
  subject: { subjectType, subjectId, isMapped, namedAt, namedBy },
  busy,
  onErase,
}: SubjectItemProps) => (
  <li className="py-2.5 text-sm first:pt-0 last:pb-0">
    <div className="flex flex-wrap items-center justify-between gap-2">
      <span className="font-medium">
        <Subject type={subjectType} id={subjectId} />
      </span>
      <span className="flex flex-wrap items-center gap-2">
        {isMapped && <Badge tone="good">{t.mapped}</Badge>}
        <ChangeButton small icon={Eraser} busy={busy} onClick={onErase}>
          {texts.owners.erase}
        </ChangeButton>
      </span>
    </div>
    {(namedBy || namedAt) && (
      <p className="mt-1.5 break-all text-muted text-xs">
        {t.named} {namedBy ?? '–'} · <Time at={namedAt} />
      </p>
    )}
  </li>
)
