/** Every page of the dashboard, with an object to show where a page is about one. */
import type postgres from 'postgres'

export async function placesOf(sql: postgres.Sql): Promise<[name: string, path: string][]> {
  const [row] = await sql<{ failed: string; customer: string; subscription: string; product: string }[]>`
    select
      (select provider_event_id from payments.webhook_events where processing_status = 'failed' limit 1) as failed`
  return [
    ['overview', 'test/overview'],
    ['overview-live', 'live/overview'],
    ['events', 'test/events'],
    ['event', `test/events/${row?.failed}`],
  ]
}
