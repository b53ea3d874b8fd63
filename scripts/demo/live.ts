/**
 * The live view: a stream of server-sent events with the live parts of a page, sent again whenever one of them changes.
 */
import type { Hono, Context as HonoContext } from 'hono'
import { streamSSE } from 'hono/streaming'
import type postgres from 'postgres'
import { type Context, liveParts } from './pages.ts'
import { findOrder, readView, type View } from './store.ts'

/** How often the stream reads the database while a page is open. */
const POLL_INTERVAL_MS = 400

const EMPTY_VIEW: View = { orders: [], teams: [], transactions: [], ledger: [] }

export type LiveOptions = {
  sql: postgres.Sql
  contextOf: (c: HonoContext) => Promise<Context>
  /** Ends every stream. */
  closing: AbortSignal
  onError: (line: string) => void
}

export function addLiveView(app: Hono, { sql, contextOf, closing, onError }: LiveOptions): void {
  app.get('/live', async (c) => {
    const context = await contextOf(c)
    const id = c.req.query('order')
    const canceled = c.req.query('canceled') !== undefined
    return streamSSE(
      c,
      async (stream) => {
        const stop = () => stream.abort()
        closing.addEventListener('abort', stop)
        try {
          let shown = ''
          while (!stream.aborted && !closing.aborted) {
            const data = await readParts(sql, context, id, canceled)
            if (data !== shown) await stream.writeSSE({ event: 'view', data })
            shown = data
            await stream.sleep(POLL_INTERVAL_MS)
          }
        } finally {
          closing.removeEventListener('abort', stop)
        }
      },
      async (error) => {
        if (!closing.aborted) onError(`shop: ${error.message}`)
      },
    )
  })
}

/** The live parts of a page as JSON: HTML by the name of the part. */
async function readParts(
  sql: postgres.Sql,
  context: Context,
  id: string | undefined,
  canceled: boolean,
): Promise<string> {
  const order = id === undefined ? undefined : await findOrder(sql, id)
  const view = order ? EMPTY_VIEW : await readView(sql)
  const parts = liveParts(context, view, order && { order, canceled })
  const texts = await Promise.all(
    Object.entries(parts).map(async ([name, part]) => [name, String(await part)]),
  )
  return JSON.stringify(Object.fromEntries(texts))
}
