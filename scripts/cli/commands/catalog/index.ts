/** `pg-payments catalog pull | diff | push`: products, prices and offers as a file of the app. */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import type { Command } from 'commander'
import type {
  ListOffersResponse,
  ListStripeCatalogResponse,
  MutateStripeProductResponse,
  SyncStripeResponse,
} from '../../../../types/api.ts'
import { catalogPath as apiPath } from '../../support/catalog.ts'
import { type Client, everyPage, segment } from '../../support/client.ts'
import { action, type Context } from '../../support/context.ts'
import { cliError, isCliError } from '../../support/errors.ts'
import { environmentOption, type InEnvironment } from '../../support/options.ts'
import { count, plain } from '../../support/output.ts'
import { listingCatalog } from '../stripe/catalog.ts'
import { bad, CATALOG_FILES, catalogPath, readCatalog } from './file.ts'
import { planCatalog } from './plan.ts'
import { pullCatalog } from './pull.ts'
import type { Actual, Plan, Step } from './steps.ts'

type FileOptions = InEnvironment & { file?: string; sync?: boolean; adopt?: boolean; exitCode?: boolean }

/** Adds the commands to the group `catalog`, which lists the catalog by itself. */
export function registerCatalogFile(program: Command): void {
  const group = program.command('catalog').description('products, prices and offers as a file of your app')
  listingCatalog(group.command('list', { hidden: true, isDefault: true })) // the older spelling
  const command = (name: string, description: string) =>
    group
      .command(name)
      .description(description)
      .addOption(environmentOption())
      .option('--file <path>', `the catalog file (default: ${CATALOG_FILES.join(' or ')})`)
      .option(
        '--no-sync',
        'compare with the rows as they are, without listing products and prices at Stripe first',
      )
  command('pull', 'write what Stripe has into a catalog file').action(action<FileOptions, []>(pull))
  command('diff', 'show what push would do')
    .option('--adopt', 'also take over products, prices and offers that this file did not make')
    .option('--exit-code', 'exit with 1 if there is something to do')
    .action(action<FileOptions, []>(diff))
  command('push', 'bring Stripe, and the offers, in line with a catalog file')
    .option('--adopt', 'also take over products, prices and offers that this file did not make')
    .action(action<FileOptions, []>(push))
}

const rootOf = ({ io }: Context) => (io.env.npm_command === 'exec' && io.env.INIT_CWD) || process.cwd()

/** Products and prices as Stripe has them now; offers as the database has them. */
async function readActual(
  client: Client,
  { environment, sync = true }: FileOptions,
  withOffers: boolean,
): Promise<Actual> {
  if (sync) {
    const { results } = await client.send<SyncStripeResponse>('POST', `/${environment}/sync`, {
      kinds: ['products', 'prices'],
    })
    const [result] = results
    if (result?.run?.status !== 'succeeded')
      throw cliError(
        result?.connection.maskedKey === null
          ? `There is no Stripe key for ${environment}.`
          : `Products and prices could not be listed at Stripe: ${plain(result?.run?.error ?? result?.connection.lastSyncError ?? 'the sync did not end')}`,
        { code: 'SYNC_FAILED', next: `Run: pg-payments stripe sync --environment ${environment}` },
      )
  }
  const { products, prices } = await client.get<ListStripeCatalogResponse>(`/${environment}/catalog`)
  const { offers } = withOffers
    ? await everyPage<ListOffersResponse, 'offers'>(client, `/${environment}/offers`, 'offers', {})
    : { offers: [] }
  return { products, prices, offers }
}

async function pull(context: Context<FileOptions>): Promise<void> {
  const { options } = context
  const path = options.file
    ? resolve(rootOf(context), options.file)
    : join(rootOf(context), CATALOG_FILES[0] as string)
  if (!path.endsWith('.json'))
    throw cliError('A catalog is pulled into a JSON file.', {
      code: 'INVALID_INPUT',
      next: 'Name one with --file.',
    })
  const actual = await readActual(await context.client(), options, true)
  const { catalog, leftOut } = pullCatalog(actual)
  if (existsSync(path)) await context.confirm(`${basename(path)} is there already. Overwrite it?`)
  await writeFile(path, `${JSON.stringify(catalog, null, 2)}\n`).catch((error: NodeJS.ErrnoException) => {
    throw cliError(`${path} cannot be written (${error.code}).`, {
      code: 'FILE_NOT_WRITTEN',
      next: 'Name a file in a folder that exists and that you may write to, with --file.',
    })
  })
  const offers = catalog.offers?.length ?? 0
  context.show({ file: path, products: catalog.products.length, offers, leftOut }, () =>
    [
      `Wrote ${count(catalog.products.length, 'product')}${offers > 0 ? ` and ${count(offers, 'offer')}` : ''} to ${basename(path)}.`,
      ...leftOut.map(plain),
    ].join('\n'),
  )
}

async function makePlan(context: Context<FileOptions>): Promise<Plan> {
  const file = await readCatalog(catalogPath(context.options.file, rootOf(context)))
  const withOffers = file.catalog.offers !== undefined
  const actual = await readActual(await context.client(), context.options, withOffers)
  const { adopt = false, environment } = context.options
  const plan = planCatalog(file, actual, { adopt, environment })
  if (plan.problems.length > 0) throw bad(plan.problems)
  return plan
}

const shownSteps = (steps: Step[]) =>
  steps.map(({ action: what, kind, key, id, text }) => ({ action: what, kind, key, id, text }))

async function diff(context: Context<FileOptions>): Promise<void> {
  const { environment, exitCode } = context.options
  const { steps, conflicts } = await makePlan(context)
  context.show({ environment, steps: shownSteps(steps), conflicts }, () =>
    steps.length + conflicts.length === 0
      ? `${environment} has what the file says.`
      : [...conflicts, ...steps.map(({ text }) => text)].map(plain).join('\n'),
  )
  if (exitCode && steps.length + conflicts.length > 0)
    throw cliError(`${environment} differs from the file.`, {
      code: 'CATALOG_DIFFERS',
      next: `Run: pg-payments catalog push --environment ${environment}`,
    })
}

async function push(context: Context<FileOptions>): Promise<void> {
  const { environment } = context.options
  const plan = await makePlan(context)
  if (plan.conflicts.length > 0)
    throw cliError(`${plan.conflicts.join('\n')}\nNothing was changed.`, {
      code: 'CATALOG_CONFLICT',
      next: `Choose another ${plan.conflicts.some((text) => text.includes(' lookup key ')) ? 'lookup key' : 'key'}, or add --adopt to take it over.`,
    })
  if (plan.steps.length === 0) {
    context.show({ environment, steps: [], done: 0 }, () => `${environment} has what the file says.`)
    return
  }
  for (const { text } of plan.steps) context.say(plain(text))
  await context.confirm(`Do this in ${environment}?`)
  const done = await carryOut(await context.client(), context, plan)
  context.show(
    { environment, steps: shownSteps(plan.steps), done },
    () => `Done: ${count(done, 'step')} in ${environment}.`,
  )
}

async function carryOut(client: Client, context: Context<FileOptions>, plan: Plan): Promise<number> {
  const { environment } = context.options
  let done = 0
  for (const step of plan.steps) {
    try {
      await carryOutStep(client, environment, step, plan.productIds)
    } catch (error) {
      if (!isCliError(error)) throw error
      throw Object.assign(error, {
        message: `${step.text}\n${error.message}\n${done} of ${count(plan.steps.length, 'step')} are done.`,
        next: `${error.next ? `${error.next} ` : ''}Then run the same command: it goes on from there.`,
      })
    }
    done += 1
  }
  return done
}

async function carryOutStep(
  client: Client,
  environment: 'test' | 'live',
  step: Step,
  ids: Map<string, string>,
) {
  if (step.kind === 'offer') {
    const path = `/${environment}/offers/${segment(step.key)}`
    if (step.action === 'delete') return client.send('DELETE', path)
    const productId = step.product === undefined ? {} : { productId: ids.get(step.product) }
    return client.send('PUT', path, { ...step.body, ...productId })
  }
  const kind = `${step.kind}s` as 'products' | 'prices'
  if (step.id !== null) return client.send('PATCH', apiPath(environment, kind, step.id), step.body)
  if (step.kind === 'product') {
    const { product } = await client.send<MutateStripeProductResponse>(
      'POST',
      apiPath(environment, kind),
      step.body,
    )
    return ids.set(step.key, product.productId)
  }
  return client.send('POST', apiPath(environment, kind), {
    ...step.body,
    productId: ids.get(step.product ?? ''),
  })
}
