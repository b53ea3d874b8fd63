/**
 * `pg-payments serve`: the handlers behind a Node server, configured by environment variables.
 */
import { type Command, InvalidArgumentError } from 'commander'
import { action } from './_shared/context.ts'

/** A port as commander hands it over. */
function port(value: string): number {
  if (/^\d{1,5}$/.test(value) && Number(value) <= 65_535) return Number(value)
  throw new InvalidArgumentError('It must be a whole number from 0 to 65535.')
}

/** Adds `pg-payments serve` to the command line. */
export function registerServe(program: Command): void {
  program
    .command('serve')
    .description('serve the payment routes and webhooks from this machine')
    .option('--port <port>', 'the port to listen on (default: the environment variable PORT, or 8787)', port)
    .option('--host <address>', 'the interface to listen on (default: every one)')
    .action(
      action<{ port?: number; host?: string }, []>(async ({ options: { port, host, databaseUrl }, io }) => {
        const { runServer } = await import('../../functions/node.ts')
        const env: typeof io.env = { ...io.env, ...(databaseUrl && { DATABASE_URL: databaseUrl }) }
        try {
          await runServer({ port, host, env })
        } catch (error) {
          program.error(explain(error, port ?? env.PORT))
        }
      }),
    )
}

function explain(error: unknown, where: number | string = 8787): string {
  const { code, message } = error as Error & { code?: string }
  if (code === 'EADDRINUSE') return `Port ${where} is taken. Choose another one with --port.`
  if (code === 'EACCES')
    return `This user may not listen on port ${where}. Choose one above 1023 with --port.`
  return message
}
