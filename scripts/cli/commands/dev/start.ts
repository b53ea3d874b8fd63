/** Runs everything that payments need on this machine, until Ctrl-C or until the app ends. */
import { randomBytes } from 'node:crypto'
import { relative } from 'node:path'
import { createActions } from '../../../kit/actions.ts'
import { onParentGone } from '../../../kit/parent.ts'
import { checkPorts, type PortTaken, type System, startSystem } from '../../../kit/system.ts'
import type { Context } from '../../support/context.ts'
import { cliError, EXIT } from '../../support/errors.ts'
import { runApp } from './app.ts'
import { serveActions } from './control.ts'
import { type DevDatabase, openDatabase } from './database.ts'
import { envLines, tokenSettings, writeEnvFile } from './env-file.ts'
import { type Folder, folderOf, type Settings } from './folder.ts'
import { keysHelp, listenToKeys } from './keys.ts'
import { createEventLog } from './log.ts'
import { findMigrations, followMigrations, runMigrations } from './migrations.ts'

export type DevOptions = {
  port: number
  stripePort: number
  databasePort: number
  webhook?: string
  settleAfter?: number
  reset?: boolean
  writeEnv?: string
  envFile?: string
  /** False for none. */
  migrations?: string | false
}

/** Local Stripe retries failed deliveries sooner than Stripe does, because a person is waiting. */
const RETRY_DELAYS_MS = [500, 2000, 8000, 60_000]

/** @param command the app to start, with its arguments; empty to start none */
export async function dev(context: Context<DevOptions>, command: string[]): Promise<number> {
  const { options, io } = context
  const directory = process.cwd()
  const folder = folderOf(directory)
  const running = await folder.running()
  if (running) {
    throw cliError(`"pg-payments dev" runs in this folder already, as process ${running.pid}.`, {
      code: 'ALREADY_RUNNING',
      next: 'Stop it first, or use it: npx pg-payments dev --help',
    })
  }
  const migrations = await findMigrations(directory, options.migrations)
  await checkPorts([
    ['the handlers', options.port],
    ['local Stripe', options.stripePort],
  ]).catch((error) => {
    throw explain(error)
  })
  if (options.reset) await folder.reset()
  const settings = await folder.settings()
  await folder.saveSettings(settings)

  const stopping = new AbortController()
  const off = io.onInterrupt(() => stopping.abort())
  const closers: (() => Promise<void> | void)[] = [off, onParentGone(io.env, () => stopping.abort())]
  try {
    const database = await openDatabase(context, folder, settings, {
      databasePort: options.databasePort,
      directory,
      migrations,
    })
    closers.push(database.close)
    if (options.reset && !database.embedded)
      context.say(
        '--reset emptied .pg-payments. Your database keeps its rows, which this local Stripe does not know.',
      )
    // With --json, standard output has the one document and nothing else.
    const lines = context.json ? io.stderr : io.stdout
    const write = (line: string) => void lines.write(`${line}\n`)
    const envFile = options.writeEnv ?? options.envFile
    const own = given({ ...(await tokenSettings(envFile)), ...io.env })
    const system = await startParts(context, folder, settings, database, own, write)
    closers.push(system.close)
    await folder.saveSettings(settings)

    const env = variablesOf(own, settings, database, system)
    const token = randomBytes(24).toString('base64url')
    const actions = createActions(system)
    const control = await serveActions(actions, token)
    closers.push(control.close)
    await folder.saveRunning({ pid: process.pid, control: control.url, token, env })
    closers.push(folder.clearRunning)
    if (options.migrations !== false && database.embedded)
      closers.push(
        followMigrations(
          migrations,
          () => findMigrations(directory, options.migrations),
          (found) =>
            runMigrations(found, database.url, async () => {}, write).then(
              () => {},
              (error: Error) => write(error.message),
            ),
        ),
      )
    if (envFile) await writeEnvFile(envFile, env)

    const dashboard = await system.dashboardLink()
    context.show(addressesOf(database, system, env), () =>
      welcome(context, database, system, env, command, dashboard),
    )
    if (command.length > 0) return await runApp(command, { ...io.env, ...env }, stopping.signal)
    closers.push(listenToKeys(io, actions, write, () => stopping.abort()))
    await new Promise<void>((resolve) => {
      if (stopping.signal.aborted) resolve()
      stopping.signal.addEventListener('abort', () => resolve())
    })
    return 0
  } finally {
    for (const close of closers.reverse()) await close()
  }
}

/** Local Stripe and the handlers. A dashboard starts here too, over the same variables. */
async function startParts(
  { options }: Context<DevOptions>,
  folder: Folder,
  settings: Settings,
  database: DevDatabase,
  own: Record<string, string>,
  write: (line: string) => void,
): Promise<System> {
  const { log, onDelivery } = createEventLog(write)
  try {
    const system = await startSystem({
      databaseUrl: database.url,
      ports: { api: options.port, stripe: options.stripePort },
      webhookUrl: options.webhook,
      endpoint: settings.endpoints[database.stateName],
      localStripe: {
        stateFile: folder.file(database.stateName),
        settleAfterSeconds: options.settleAfter ?? null,
        retrySchedule: RETRY_DELAYS_MS,
        onDelivery,
        onWarning: ({ message }) => write(message),
      },
      env: {
        PAYMENTS_JWT_SECRET: settings.jwtSecret,
        PAYMENTS_ADMIN_KEY: settings.adminKey,
        PAYMENTS_ENCRYPTION_KEY: settings.encryptionKey,
        PAYMENTS_PUBLIC_URL: options.port === 0 ? undefined : `http://127.0.0.1:${options.port}`,
        ...own,
      },
      log,
    })
    settings.endpoints[database.stateName] = system.endpoint.id
    return system
  } catch (error) {
    throw explain(error)
  }
}

const FLAGS: Record<string, string> = { 'local Stripe': '--stripe-port' }

/** A taken port, or a variable that the handlers refuse, with what to do about it. */
function explain(error: unknown): unknown {
  const { name, message, part } = error as PortTaken
  if (name === 'PortTaken') {
    return cliError(message, {
      code: 'PORT_TAKEN',
      next: `Choose another one with ${FLAGS[part] ?? '--port'}, or end the program that has it.`,
    })
  }
  if ((name as string) === 'ConfigError')
    return cliError(message, { exitCode: EXIT.notConfigured, code: 'NOT_CONFIGURED' })
  return error
}

/** The app's own settings for the handlers: how tokens are verified, and so on. Stripe's are local Stripe's. */
function given(env: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => entry[0].startsWith('PAYMENTS_') && Boolean(entry[1]),
    ),
  )
}

/** The variables with which the app reaches this database, local Stripe and the handlers. */
function variablesOf(
  own: Record<string, string>,
  settings: Settings,
  database: DevDatabase,
  system: System,
): Record<string, string> {
  return {
    ...(database.embedded && { DATABASE_URL: database.url }),
    PAYMENTS_API_URL: system.apiUrl,
    PAYMENTS_ADMIN_KEY: own.PAYMENTS_ADMIN_KEY ?? settings.adminKey,
    ...(!own.PAYMENTS_JWKS_URL && { PAYMENTS_JWT_SECRET: own.PAYMENTS_JWT_SECRET ?? settings.jwtSecret }),
    PAYMENTS_ENCRYPTION_KEY: own.PAYMENTS_ENCRYPTION_KEY ?? settings.encryptionKey,
    STRIPE_TEST_SECRET_KEY: system.local.secretKey,
    STRIPE_TEST_WEBHOOK_SECRET: system.endpoint.secret,
    STRIPE_API_BASE_URL: system.local.url,
  }
}

function addressesOf(database: DevDatabase, system: System, env: Record<string, string>) {
  return {
    api: system.apiUrl,
    stripe: system.local.url,
    database: database.embedded ? 'embedded' : 'DATABASE_URL',
    env,
  }
}

function welcome(
  { options, interactive }: Context<DevOptions>,
  database: DevDatabase,
  system: System,
  env: Record<string, string>,
  command: string[],
  dashboard: string | null,
): string {
  const envFile = options.writeEnv ?? options.envFile
  const lines = envFile
    ? `  The app's variables are in ${relative(process.cwd(), envFile) || envFile}.`
    : `  For the app's .env (or run it again with --write-env .env):\n\n${envLines(env)
        .map((line) => `    ${line}`)
        .join('\n')}`
  const events = options.webhook ?? `${system.apiUrl}/api/webhooks/stripe/test`
  const howTo =
    command.length > 0
      ? `  Starting: ${command.join(' ')}`
      : interactive
        ? `  Keys:\n${keysHelp()}`
        : '  Actions: npx pg-payments dev pay, decline, settle, refund, dispute, renew, cancel, advance, late, shuffle, twice'
  return `
  Payments   ${system.apiUrl}
  Stripe     ${system.local.url}   (local Stripe: API and hosted pages)
  Postgres   ${database.embedded ? database.url : 'the one in DATABASE_URL'}
  Events     ${events}${dashboard === null ? '' : `\n  Dashboard  ${dashboard}   (signs you in once, within five minutes)`}

${lines}

${howTo}
`
}
