import type { GetPaymentCustomerResponse } from '../../../../types/api.ts'
import { texts } from '../../texts.ts'
import { Badge } from '../../ui/badge.tsx'
import { Card } from '../../ui/card.tsx'
import { Subject } from '../../ui/subject.tsx'
import { Time } from '../../ui/time.tsx'

const t = texts.customers

/** Which subjects of the app the customer pays for, and how that is known. */
export const Subjects = ({ subjects }: { subjects: GetPaymentCustomerResponse['subjects'] }) => (
  <Card title={t.subjects} description={t.subjectsLead}>
    {subjects.length === 0 ? (
      <p className="text-muted text-sm">{t.noSubjects}</p>
    ) : (
      <ul className="flex flex-col divide-y divide-line">
        {subjects.map(({ subjectType, subjectId, isMapped, namedAt, namedBy }) => (
          <li key={`${subjectType} ${subjectId}`} className="py-2.5 text-sm first:pt-0 last:pb-0">
            <div className="flex flex-wrap items-center justify-between gap-2">
              <span className="font-medium">
                <Subject type={subjectType} id={subjectId} />
              </span>
              {isMapped && <Badge tone="good">{t.mapped}</Badge>}
            </div>
            {(namedBy || namedAt) && (
              <p className="break-all text-muted text-xs">
                {t.named} {namedBy ?? '–'} · <Time at={namedAt} />
              </p>
            )}
          </li>
        ))}
      </ul>
    )}
  </Card>
)
