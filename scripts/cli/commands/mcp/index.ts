/** `pg-payments mcp`: the command line as tools for a coding agent, over standard input and output. */
import type { Command } from 'commander'
import { VERSION } from '../../../../functions/core/version.ts'
import { action, type Io } from '../../support/context.ts'
import type { RunCommand } from './call.ts'

const INSTRUCTIONS =
  'Stripe payments inside the Postgres of an app. Begin with status or doctor; an error has nextActions. ' +
  'AGENTS.md in node_modules/pg-payments has a table from request to command and page.'

type McpOptions = { allowLive?: boolean; databaseUrl?: string; apiUrl?: string; apiKey?: string }

/** @param run runs a command of this program; passed in, because the program registers this command */
export function registerMcp(program: Command, run: RunCommand): void {
  program
    .command('mcp')
    .description(
      'serve these commands as tools for a coding agent (Model Context Protocol, over standard input and output)',
    )
    .option('--allow-live', 'also let tools write to live mode')
    .action(
      action<McpOptions, []>(async ({ io, options }) => {
        const [{ McpServer }, { StdioServerTransport }, { callTool }, { TOOLS }] = await Promise.all([
          import('@modelcontextprotocol/server'),
          import('@modelcontextprotocol/server/stdio'),
          import('./call.ts'),
          import('./tools.ts'),
        ])
        const server = new McpServer(
          { name: 'pg-payments', version: VERSION },
          { instructions: INSTRUCTIONS },
        )
        const setting = { run, env: environmentOf(io, options), allowLive: options.allowLive === true }
        for (const tool of TOOLS) {
          const { name, title, description, input, writes } = tool
          server.registerTool(
            name,
            {
              title,
              description,
              inputSchema: input,
              annotations: { readOnlyHint: writes === undefined, openWorldHint: false },
            },
            (args: Record<string, unknown>) => callTool(tool, args, setting),
          )
        }
        await new Promise<void>((resolve, reject) => {
          io.stdin.once('end', resolve).once('close', resolve)
          const off = io.onInterrupt(resolve)
          server.connect(new StdioServerTransport(io.stdin, io.stdout)).catch((error) => {
            off()
            reject(error)
          })
        })
        await server.close()
      }),
    )
}

/** The environment of the tools: what was given when the server started wins over the variables. */
function environmentOf({ env }: Io, { databaseUrl, apiUrl, apiKey }: McpOptions): Io['env'] {
  return {
    ...env,
    ...(databaseUrl && { DATABASE_URL: databaseUrl, PAYMENTS_API_URL: undefined }),
    ...(apiUrl && { PAYMENTS_API_URL: apiUrl }),
    ...(apiKey && { PAYMENTS_ADMIN_KEY: apiKey }),
  }
}
