/** The Node server in this process, for tests that are about what happens around it. */
import { createLog } from '../../../functions/core/log.ts'
import { type NodeServerOptions, startServer } from '../../../functions/node.ts'
import type { RunningServer } from '../conformance.ts'

export async function startNode(
  env: Record<string, string>,
  options: NodeServerOptions = {},
): Promise<RunningServer> {
  const lines: string[] = []
  const log = createLog((line) => lines.push(line))
  const server = await startServer({ env, port: 0, host: '127.0.0.1', log, drainMs: 50, ...options })
  return {
    url: server.url.replace('localhost', '127.0.0.1'),
    log: () => lines.join('\n'),
    stop: server.close,
  }
}
