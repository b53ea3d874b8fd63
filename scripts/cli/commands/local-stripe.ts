/** `pg-payments local-stripe`: the stand-in for the Stripe API as a process, for apps in any language. */
import type { Command } from 'commander'
import { onParentGone } from '../../kit/parent.ts'
import { action } from '../support/context.ts'
import { cliError } from '../support/errors.ts'
import { instant, port, wholeNumber } from '../support/options.ts'

type Options = {
  port: number
  host: string
  webhook?: string
  clock?: string
  seed?: number
  state?: string
  settleAfter?: number
}

/** Adds `pg-payments local-stripe` to the command line. */
export function registerLocalStripe(program: Command): void {
  program
    .command('local-stripe')
    .description("run local Stripe, for an app in any language with one of Stripe's SDKs")
    .option('--port <port>', 'the port to listen on', port, 12111)
    .option('--host <address>', 'the interface to listen on', '127.0.0.1')
    .option('--webhook <url>', 'where events are delivered')
    .option(
      '--clock <instant>',
      'where its time begins, for example 2026-01-31T12:00:00Z (default: now)',
      instant,
    )
    .option('--seed <number>', 'the same seed gives the same ids', wholeNumber(0, 4_294_967_295))
    .option('--state <path>', 'a file that keeps the state over restarts (default: none)')
    .option(
      '--settle-after <seconds>',
      'when bank payments settle by themselves (default: never)',
      wholeNumber(0, 86_400),
    )
    .action(action<Options, []>((context) => run(context)))
}

async function run({
  options,
  io,
  show,
}: Parameters<Parameters<typeof action<Options>>[0]>[0]): Promise<void> {
  const { startLocalStripe } = await import('../../local-stripe/index.ts')
  const begin = Date.now()
  const { clock, webhook } = options
  if (webhook !== undefined && !/^https?:\/\//.test(webhook))
    throw cliError(`${webhook} is not an address.`, { next: 'It looks like http://127.0.0.1:3000/webhooks.' })
  const local = await startLocalStripe({
    port: options.port,
    host: options.host,
    seed: options.seed,
    stateFile: options.state,
    settleAfterSeconds: options.settleAfter ?? null,
    ...(clock && { now: () => new Date(Date.parse(clock) + Date.now() - begin) }),
    onWarning: ({ message }) => void io.stderr.write(`${message}\n`),
    onDelivery: ({ type, status, answer }) =>
      void io.stderr.write(`${type}: ${status ?? `not delivered, ${answer}`}\n`),
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error
    throw cliError(`Port ${options.port} is taken.`, {
      code: 'PORT_TAKEN',
      next: 'Choose another one with --port.',
    })
  })
  try {
    const stopped = new Promise<void>((resolve) => {
      const stop = () => {
        off()
        unwatch()
        resolve()
      }
      const off = io.onInterrupt(stop)
      const unwatch = onParentGone(io.env, stop)
    })
    const secret = webhook === undefined ? undefined : secretFor(local, webhook)
    show({ url: local.url, secretKey: local.secretKey, ...(secret && { webhookSecret: secret }) }, () =>
      [
        `Local Stripe  ${local.url}`,
        `Secret key    ${local.secretKey}`,
        ...(secret ? [`Signing       ${secret}`] : []),
        'Ctrl-C stops it.',
      ].join('\n'),
    )
    await stopped
  } finally {
    await local.close()
  }
}

/** The signing secret of the endpoint with this address: that of an earlier run, or a new one. */
function secretFor(
  { control, engine }: Awaited<ReturnType<typeof import('../../local-stripe/index.ts').startLocalStripe>>,
  url: string,
): string {
  const known = engine.store.list('webhook_endpoint').find((endpoint) => endpoint.url === url)
  return engine.endpointSecrets.get(known?.id ?? '') ?? control.addEndpoint({ url }).secret
}
