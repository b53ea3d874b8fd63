import type { GetSettingsResponse } from '../../../../types/api.ts'
import { texts } from '../../texts.ts'
import { Badge } from '../../ui/badge.tsx'
import { Card } from '../../ui/card.tsx'
import { Fact, Facts } from '../../ui/facts.tsx'
import { Note } from '../../ui/note.tsx'
import { Cell, Row, SimpleTable } from '../../ui/simple-table.tsx'
import { Time } from '../../ui/time.tsx'

const t = texts.settings

/** With which key the stored secrets are encrypted, and whether the server can read them. */
export const Encryption = ({ encryption }: { encryption: GetSettingsResponse['encryption'] }) => (
  <Card title={t.encryption} description={t.encryptionLead} flush>
    <div className="flex flex-col gap-4 px-5 pb-4">
      {encryption.isConfigured ? null : <Note tone="warn">{t.encryptionOff}</Note>}
      <Facts>
        <Fact name={t.keyId}>{encryption.keyId}</Fact>
        <Fact name={t.previousKeyId}>{encryption.previousKeyId ?? texts.common.none}</Fact>
      </Facts>
    </div>
    {encryption.secrets.length === 0 ? (
      <p className="px-5 pb-5 text-muted text-sm">{t.noSecrets}</p>
    ) : (
      <SimpleTable
        label={t.encryption}
        headers={[
          { name: texts.shell.environment },
          { name: t.secret },
          { name: t.encryptedWith },
          { name: t.readable },
          { name: t.expires, align: 'end' },
        ]}
      >
        {encryption.secrets.map((secret) => (
          <Row key={`${secret.environment} ${secret.kind} ${secret.endpointId ?? ''} ${secret.createdAt}`}>
            <Cell>{texts.shell[secret.environment]}</Cell>
            <Cell>
              {t.secretKinds[secret.kind] ?? secret.kind}{' '}
              <code className="font-mono text-[0.8125rem] text-muted">
                {secret.maskedKey ?? secret.endpointId}
              </code>
            </Cell>
            <Cell>{secret.keyId}</Cell>
            <Cell>
              <Badge tone={secret.isReadable ? 'good' : 'bad'}>
                {secret.isReadable ? texts.common.yes : texts.common.no}
              </Badge>
            </Cell>
            <Cell align="end">
              <Time at={secret.expiresAt} />
            </Cell>
          </Row>
        ))}
      </SimpleTable>
    )}
  </Card>
)
