/**
 * `GET /metrics`: the counts of this process and the state of the ledger, as Prometheus reads them. For the admin, or
 * for the holder of `PAYMENTS_METRICS_TOKEN`. See https://prometheus.io/docs/instrumenting/exposition_formats/.
 */
import { equalInConstantTime } from './core/auth.ts'
import type { Count, Counters } from './core/counters.ts'
import { asService } from './core/sql.ts'
import { VERSION } from './core/version.ts'
import type { Deps } from './deps.ts'

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

type Ledger = {
  environment: string
  backlog: number
  dead_lettered: number
  events_last_hour: number
  median_lag: number | null
  greatest_lag: number | null
  oldest_failed: number | null
  last_received: number | null
}

type Sample = { labels: Record<string, string>; value: number | null }

/** One metric: its help, its type, and a line for each sample that has a value. */
function metric(name: string, type: 'counter' | 'gauge', help: string, samples: Sample[]): string {
  const lines = samples.flatMap(({ labels, value }) => {
    if (value === null) return []
    const inside = Object.entries(labels).map(([label, text]) => `${label}=${JSON.stringify(text)}`)
    return [`${name}${inside.length === 0 ? '' : `{${inside.join(',')}}`} ${value}`]
  })
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines].join('\n')
}

async function readLedger({ database }: Deps): Promise<Ledger[]> {
  return asService(
    database.query<Ledger>(
      `select h.environment, h.backlog::integer, h.dead_lettered::integer, h.events_last_hour::integer,
        h.median_lag::float8, h.greatest_lag::float8,
        extract(epoch from h.oldest_failed_at)::float8 as oldest_failed,
        extract(epoch from h.last_received_at)::float8 as last_received
      from payments.webhook_event_health as h order by h.environment desc`,
    ),
  )
}

async function authenticate(headers: Headers, { config, authenticateAdmin }: Deps): Promise<void> {
  const token = /^Bearer +(\S+)$/i.exec(headers.get('authorization') ?? '')?.[1]
  const isReader =
    token !== undefined &&
    config.metricsToken !== null &&
    (await equalInConstantTime(token, config.metricsToken))
  if (!isReader) await authenticateAdmin(headers, 'read')
}

/** The metrics as text. If the database is down, those of the process alone, and `pg_payments_database_up` is 0. */
export async function metrics(request: Request, counters: Counters, deps: Deps): Promise<string> {
  await authenticate(request.headers, deps)
  const ledger = await readLedger(deps).catch(() => null)
  const counted = (counts: Count[]) => counts.map(({ labels, count }) => ({ labels, value: count }))
  const one = (value: number, labels = {}): Sample[] => [{ labels, value }]
  const byEnvironment = (read: (row: Ledger) => number | null): Sample[] =>
    (ledger ?? []).map((row) => ({ labels: { environment: row.environment }, value: read(row) }))
  const parts = [
    metric('pg_payments_info', 'gauge', 'The release that runs.', one(1, { version: VERSION })),
    metric(
      'pg_payments_requests_total',
      'counter',
      'Requests by route and status.',
      counted(counters.requests()),
    ),
    metric(
      'pg_payments_request_seconds_total',
      'counter',
      'Time that requests took, by route and status.',
      counters.requests().map(({ labels, seconds }) => ({ labels, value: seconds })),
    ),
    metric(
      'pg_payments_webhooks_total',
      'counter',
      'Webhook deliveries by outcome.',
      counted(counters.webhooks()),
    ),
    metric('pg_payments_pool_size', 'gauge', 'Connections to Postgres at most.', one(deps.config.poolSize)),
    metric(
      'pg_payments_pool_statements',
      'gauge',
      'Statements that run or wait for a connection, webhooks aside.',
      one(deps.database.running?.() ?? 0),
    ),
    metric('pg_payments_database_up', 'gauge', 'Whether Postgres answered.', one(ledger === null ? 0 : 1)),
    metric(
      'pg_payments_backlog_events',
      'gauge',
      'Events that failed and are not processed yet.',
      byEnvironment((row) => row.backlog),
    ),
    metric(
      'pg_payments_dead_lettered_events',
      'gauge',
      'Failed events that are no longer retried.',
      byEnvironment((row) => row.dead_lettered),
    ),
    metric(
      'pg_payments_oldest_failed_timestamp_seconds',
      'gauge',
      'When the oldest event of the backlog arrived.',
      byEnvironment((row) => row.oldest_failed),
    ),
    metric(
      'pg_payments_events_last_hour',
      'gauge',
      'Events that arrived within the last hour.',
      byEnvironment((row) => row.events_last_hour),
    ),
    metric(
      'pg_payments_last_event_timestamp_seconds',
      'gauge',
      'When the last event of the last hour arrived.',
      byEnvironment((row) => row.last_received),
    ),
    metric(
      'pg_payments_median_lag_seconds',
      'gauge',
      "Median time between Stripe's event and its arrival, over the last hour.",
      byEnvironment((row) => row.median_lag),
    ),
    metric(
      'pg_payments_greatest_lag_seconds',
      'gauge',
      "Longest time between Stripe's event and its arrival, over the last hour.",
      byEnvironment((row) => row.greatest_lag),
    ),
  ]
  return `${parts.join('\n')}\n`
}
