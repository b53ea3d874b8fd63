import type { GetSettingsResponse } from '../../../../types/api.ts'
import { texts } from '../../texts.ts'
import { Badge } from '../../ui/badge.tsx'
import { Card } from '../../ui/card.tsx'
import { Cell, Row, SimpleTable } from '../../ui/simple-table.tsx'

const t = texts.settings
const { yes, no } = texts.common

const Answer = ({ value }: { value: boolean }) => (
  <Badge tone={value ? 'good' : 'bad'}>{value ? yes : no}</Badge>
)

/** The roles of the database and what they may do. */
export const Roles = ({ database: { roles, grants } }: { database: GetSettingsResponse['database'] }) => (
  <Card title={t.roles} description={t.rolesLead} flush>
    <SimpleTable label={t.roles} headers={[{ name: t.role }, { name: t.exists }, { name: t.granted }]}>
      {roles.map(({ role, exists, isGranted }) => (
        <Row key={role}>
          <Cell>
            <code className="font-mono text-[0.8125rem]">{role}</code>
          </Cell>
          <Cell>
            <Answer value={exists} />
          </Cell>
          <Cell>
            <Answer value={isGranted} />
          </Cell>
        </Row>
      ))}
    </SimpleTable>
    <details className="px-5 py-3 text-sm">
      <summary className="inline-block rounded text-muted hover:text-ink">
        {t.showGrants(grants.length)}
      </summary>
      <div className="-mx-5 mt-2">
        <SimpleTable
          label={t.showGrants(grants.length)}
          headers={[{ name: t.role }, { name: t.object }, { name: t.privileges }]}
        >
          {grants.map(({ role, object, privileges }) => (
            <Row key={`${role} ${object}`}>
              <Cell>{role}</Cell>
              <Cell>
                <code className="font-mono text-[0.8125rem]">{object}</code>
              </Cell>
              <Cell>{privileges.join(', ').toLowerCase()}</Cell>
            </Row>
          ))}
        </SimpleTable>
      </div>
    </details>
  </Card>
)
