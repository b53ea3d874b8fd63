/** `stripe prices …`. Changes are made at Stripe first, then in the rows. */

import { type Command, Option } from 'commander'
import { AMOUNT_MAX } from '../../../../functions/core/currency.ts'
import type {
  ArchiveStripePriceResponse,
  ListStripePricesResponse,
  MutateStripePriceResponse,
} from '../../../../types/api.ts'
import { catalogPath, changes, priceDetails, priceTable } from '../../support/catalog.ts'
import { everyPage } from '../../support/client.ts'
import { action, type Context } from '../../support/context.ts'
import { cliError } from '../../support/errors.ts'
import {
  boolean,
  environmentOption,
  type InEnvironment,
  metadata,
  orNull,
  wholeNumber,
} from '../../support/options.ts'
import { plain } from '../../support/output.ts'

type PriceOptions = InEnvironment & {
  product?: string
  currency?: string
  unitAmount?: number
  payWhatYouWant?: boolean
  minimumAmount?: number
  maximumAmount?: number
  presetAmount?: number
  interval?: string
  intervalCount?: number
  lookupKey?: string
  transferLookupKey?: boolean
  active?: boolean
  taxBehavior?: string
  metadata?: Record<string, string>
  idempotencyKey?: string
}

function priceOptions(command: Command): Command {
  return command
    .option('--lookup-key <key>', 'a stable name to find the price by; null for none')
    .option('--transfer-lookup-key', 'take the lookup key from the price that has it')
    .option('--active <boolean>', 'whether it can be bought', boolean)
    .addOption(
      new Option('--tax-behavior <behavior>', 'how it relates to tax').choices([
        'exclusive',
        'inclusive',
        'unspecified',
      ]),
    )
    .option('--metadata <json>', 'an object of texts', metadata)
}

export function registerPrices(prices: Command): void {
  prices
    .command('list')
    .description('every price, or those of a product')
    .addOption(environmentOption())
    .option('--product <productId>', 'only of this product')
    .action(
      action<PriceOptions, []>(async ({ client, io, options, show }) => {
        const path = catalogPath(options.environment, 'prices')
        const page = await everyPage<ListStripePricesResponse, 'prices'>(await client(), path, 'prices', {
          productId: options.product,
        })
        show(page, () =>
          page.prices.length === 0
            ? `No prices in ${options.environment}.`
            : priceTable(page.prices, io.stdout.columns),
        )
      }),
    )
  prices
    .command('get <priceId>')
    .description('one price')
    .addOption(environmentOption())
    .action(
      action<InEnvironment, [string]>(async ({ client, options, show }, id) => {
        const answer = await (await client()).get<MutateStripePriceResponse>(
          catalogPath(options.environment, 'prices', id),
        )
        show(answer, () => priceDetails(answer.price))
      }),
    )
  priceOptions(
    prices
      .command('create')
      .description('create a price')
      .addOption(environmentOption())
      .requiredOption('--product <productId>', 'the product that it prices')
      .requiredOption('--currency <currency>', 'three letters')
      .option(
        '--unit-amount <amount>',
        "in the currency's minor unit: 1900 is 19.00 euros; required without --pay-what-you-want",
        wholeNumber(0, AMOUNT_MAX),
      )
      .option('--pay-what-you-want', 'the buyer chooses the amount')
      .option('--minimum-amount <amount>', 'the least that the buyer may choose', wholeNumber(0, AMOUNT_MAX))
      .option('--maximum-amount <amount>', 'the most that the buyer may choose', wholeNumber(0, AMOUNT_MAX))
      .option('--preset-amount <amount>', 'what the page suggests', wholeNumber(0, AMOUNT_MAX))
      .addOption(
        new Option('--interval <interval>', 'makes it recurring').choices(['day', 'week', 'month', 'year']),
      )
      .option('--interval-count <count>', 'how many intervals between two invoices', wholeNumber(1, 1095)),
  )
    .option('--idempotency-key <key>', 'the same key with the same request creates one price')
    .action(action<PriceOptions, []>(createPrice))
  priceOptions(
    prices
      .command('update <priceId>')
      .description('change a price; its amount cannot change')
      .addOption(environmentOption()),
  ).action(
    action<PriceOptions, [string]>(async ({ client, options, show }, id) => {
      const answer = await (await client()).send<MutateStripePriceResponse>(
        'PATCH',
        catalogPath(options.environment, 'prices', id),
        changes(commonOf(options)),
      )
      show(answer, () => priceDetails(answer.price))
    }),
  )
  prices
    .command('archive <priceId>')
    .description('stop selling at a price; subscriptions that have it keep it')
    .addOption(environmentOption())
    .action(
      action<InEnvironment, [string]>(async (context, id) => {
        const { environment } = context.options
        const answer = await (await context.client()).send<ArchiveStripePriceResponse>(
          'DELETE',
          catalogPath(environment, 'prices', id),
        )
        context.show(answer, () => `Archived ${plain(answer.price.priceId)}.`)
      }),
    )
}

const commonOf = ({ lookupKey, transferLookupKey, active, taxBehavior, metadata }: PriceOptions) => ({
  lookupKey: orNull(lookupKey),
  transferLookupKey,
  active,
  taxBehavior,
  metadata,
})

/** The amount of a new price: one, or the limits of what the buyer chooses. */
function amountsOf(options: PriceOptions): object {
  const { unitAmount, payWhatYouWant = false, minimumAmount, maximumAmount, presetAmount } = options
  const limits = { minimum: minimumAmount, maximum: maximumAmount, preset: presetAmount }
  const refuse = (message: string, next: string) => cliError(message, { code: 'INVALID_INPUT', next })
  if (payWhatYouWant && unitAmount !== undefined)
    throw refuse('--unit-amount and --pay-what-you-want exclude each other.', 'Leave one of the two out.')
  if (payWhatYouWant) return { customUnitAmount: limits }
  if (Object.values(limits).some((limit) => limit !== undefined))
    throw refuse(
      '--minimum-amount, --maximum-amount and --preset-amount need --pay-what-you-want.',
      'Add --pay-what-you-want.',
    )
  if (unitAmount === undefined)
    throw refuse('A price needs an amount.', 'Add --unit-amount, or --pay-what-you-want.')
  return { unitAmount }
}

async function createPrice({ client, options, show }: Context<PriceOptions>): Promise<void> {
  const { product, currency, interval, intervalCount } = options
  if (interval === undefined && intervalCount !== undefined) {
    throw cliError('--interval-count needs --interval.', {
      code: 'INVALID_INPUT',
      next: 'Add --interval day, week, month or year.',
    })
  }
  const answer = await (await client()).send<MutateStripePriceResponse>(
    'POST',
    catalogPath(options.environment, 'prices'),
    {
      productId: product,
      currency,
      ...amountsOf(options),
      ...(interval && { recurring: { interval, intervalCount } }),
      ...commonOf(options),
      idempotencyKey: options.idempotencyKey,
    },
  )
  show(answer, () => priceDetails(answer.price))
}
