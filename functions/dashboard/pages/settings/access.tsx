import type { GetSettingsResponse } from '../../../../types/api.ts'
import { texts } from '../../texts.ts'
import { Badge } from '../../ui/badge.tsx'
import { Card } from '../../ui/card.tsx'
import { Fact, Facts } from '../../ui/facts.tsx'

const t = texts.settings
const CREDENTIALS = ['adminKey', 'readKey', 'anonKey', 'jwtSecret', 'metricsToken'] as const

const listed = (values: string[] | null) =>
  values === null || values.length === 0 ? t.anyone : values.join(', ')

/** Which credentials the deployment accepts; never their values. */
export const Access = ({ access }: { access: GetSettingsResponse['access'] }) => (
  <Card title={t.access} description={t.accessLead}>
    <Facts>
      {CREDENTIALS.map((name) => (
        <Fact key={name} name={t.accessNames[name] ?? name}>
          <Badge tone={access[name] ? 'good' : 'neutral'}>{access[name] ? t.isSet : t.isNotSet}</Badge>
        </Fact>
      ))}
      <Fact name={t.jwksUrl}>
        <span className="break-all">{access.jwksUrl ?? t.isNotSet}</span>
      </Fact>
      <Fact name={t.issuers}>{listed(access.issuers)}</Fact>
      <Fact name={t.audiences}>{listed(access.audiences)}</Fact>
      <Fact name={t.adminRoles}>{access.adminRoles.join(', ')}</Fact>
    </Facts>
  </Card>
)
