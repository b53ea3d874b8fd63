import type { GetSettingsResponse } from '../../../../types/api.ts'
import { texts } from '../../texts.ts'
import { Card } from '../../ui/card.tsx'
import { Fact, Facts } from '../../ui/facts.tsx'
import { Cell, Row, SimpleTable } from '../../ui/simple-table.tsx'
import { Time } from '../../ui/time.tsx'

const t = texts.settings

export const Versions = ({ settings }: { settings: GetSettingsResponse }) => (
  <Card title={t.versions} flush>
    <div className="px-5 pb-4">
      <Facts>
        <Fact name={t.version}>{settings.version}</Fact>
        <Fact name={t.postgres}>{settings.database.postgresVersion}</Fact>
        <Fact name={t.publicUrl}>
          <span className="break-all">{settings.publicUrl ?? t.isNotSet}</span>
        </Fact>
        <Fact name={t.basePath}>{settings.basePath || texts.common.none}</Fact>
      </Facts>
    </div>
    <SimpleTable label={t.migrations} headers={[{ name: t.migration }, { name: t.applied, align: 'end' }]}>
      {settings.database.migrations.map(({ name, appliedAt }) => (
        <Row key={name}>
          <Cell>
            <code className="font-mono text-[0.8125rem]">{name}</code>
          </Cell>
          <Cell align="end">
            <Time at={appliedAt} />
          </Cell>
        </Row>
      ))}
    </SimpleTable>
  </Card>
)
