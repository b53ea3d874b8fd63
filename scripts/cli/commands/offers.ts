/** `offers …`: what app users may buy. They are rows of the database, and Stripe knows nothing of them. */

import { type Command, Option } from 'commander'
import { AMOUNT_MAX } from '../../../functions/core/currency.ts'
import type {
  DeleteOfferResponse,
  ListOffersResponse,
  Offer,
  PutOfferRequest,
  PutOfferResponse,
} from '../../../types/api.ts'
import { everyPage, segment } from '../support/client.ts'
import { action } from '../support/context.ts'
import {
  boolean,
  checkoutOptions,
  environmentOption,
  type InEnvironment,
  instant,
  wholeNumber,
} from '../support/options.ts'
import { details, plain, table } from '../support/output.ts'

type SetOptions = InEnvironment & {
  price?: string
  lookupKey?: string
  product?: string
  mode: PutOfferRequest['mode']
  minimumQuantity?: number
  maximumQuantity?: number
  roles?: string
  subjectTypes?: string
  startsAt?: string
  endsAt?: string
  allow?: string
  force?: Record<string, unknown>
  payWhatYouWant?: boolean
  priceData?: boolean
  currency?: string
  minimumAmount?: number
  maximumAmount?: number
  productGroup?: string
  onePlan?: boolean
  trialOnce?: boolean
  active?: boolean
}

const pathOf = (environment: string, id?: string) =>
  `/${environment}/offers${id === undefined ? '' : `/${segment(id)}`}`

const soldBy = ({ priceId, lookupKey, productId }: Offer) =>
  priceId ?? (lookupKey === null ? `product ${productId}` : `key ${lookupKey}`)
const quantities = ({ minimumQuantity: least, maximumQuantity: most }: Offer) =>
  least === most ? String(least) : `${least} to ${most}`

const listOf = (text: string | undefined) =>
  text
    ?.split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')

/** The flags as the API takes them. It refuses what does not fit, so nothing is checked here. */
const requestOf = (options: SetOptions) => ({
  priceId: options.price,
  lookupKey: options.lookupKey,
  productId: options.product,
  mode: options.mode,
  minimumQuantity: options.minimumQuantity,
  maximumQuantity: options.maximumQuantity,
  roles: listOf(options.roles),
  subjectTypes: listOf(options.subjectTypes),
  startsAt: options.startsAt,
  endsAt: options.endsAt,
  allowedOptions: listOf(options.allow),
  forcedOptions: options.force,
  allowPayWhatYouWant: options.payWhatYouWant,
  allowPriceData: options.priceData,
  currency: options.currency,
  minimumAmount: options.minimumAmount,
  maximumAmount: options.maximumAmount,
  productGroup: options.productGroup,
  onePlan: options.onePlan,
  trialOnce: options.trialOnce,
  active: options.active,
})

const offerDetails = (offer: Offer) =>
  details([
    ['Offer', offer.offerId],
    ['Sells', soldBy(offer)],
    ['Mode', offer.mode],
    ['Quantity', quantities(offer)],
    ['Roles', offer.roles?.join(', ')],
    ['Subject types', offer.subjectTypes?.join(', ')],
    ['From', offer.startsAt],
    ['Until', offer.endsAt],
    ['Allowed options', offer.allowedOptions.join(', ')],
    ['Forced options', JSON.stringify(offer.forcedOptions)],
    ['Product group', offer.productGroup],
    ['One plan', String(offer.onePlan)],
    ['Active', String(offer.active)],
  ])

function registerSet(offers: Command): void {
  offers
    .command('set <offerId>')
    .description('write an offer as a whole; what is left out gets its default')
    .addOption(environmentOption())
    .option('--price <priceId>', 'the price that is offered')
    .option('--lookup-key <key>', 'the lookup key of the price that is offered')
    .option('--product <productId>', 'the product whose prices are all offered')
    .addOption(
      new Option('--mode <mode>', 'how it is bought')
        .choices(['payment', 'subscription'])
        .makeOptionMandatory(),
    )
    .option('--minimum-quantity <count>', 'the least units', wholeNumber(1, 999))
    .option('--maximum-quantity <count>', 'the most units', wholeNumber(1, 999))
    .option('--roles <list>', 'who may buy: anon, authenticated; with commas')
    .option('--subject-types <list>', 'types of subject that may buy, with commas')
    .option('--starts-at <instant>', 'when it begins', instant)
    .option('--ends-at <instant>', 'when it ends', instant)
    .option('--allow <list>', 'options that a request may have, with commas, for example allowPromotionCodes')
    .option(
      '--force <json>',
      'options of every checkout, for example {"trialPeriodDays":14}',
      checkoutOptions,
    )
    .option('--pay-what-you-want <boolean>', 'whether the buyer may choose the amount of the price', boolean)
    .option('--price-data <boolean>', 'whether requests may make up prices of the product', boolean)
    .option('--currency <currency>', 'of made-up prices')
    .option('--minimum-amount <amount>', 'of made-up prices', wholeNumber(0, AMOUNT_MAX))
    .option('--maximum-amount <amount>', 'of made-up prices', wholeNumber(0, AMOUNT_MAX))
    .option('--product-group <name>', 'the group of plans that it belongs to')
    .option('--one-plan <boolean>', 'whether a subject can have one plan of the group only', boolean)
    .option('--trial-once <boolean>', 'whether a subject that had a trial gets none', boolean)
    .option('--active <boolean>', 'whether it can be bought', boolean)
    .action(
      action<SetOptions, [string]>(async ({ client, options, show }, id) => {
        const answer = await (await client()).send<PutOfferResponse>(
          'PUT',
          pathOf(options.environment, id),
          requestOf(options),
        )
        show(answer, () => offerDetails(answer.offer))
      }),
    )
}

export function registerOffers(program: Command): void {
  const offers = program.command('offers').description('what app users may buy')
  offers
    .command('list')
    .description('every offer')
    .addOption(environmentOption())
    .action(
      action<InEnvironment, []>(async ({ client, io, options, show }) => {
        const { environment } = options
        const page = await everyPage<ListOffersResponse, 'offers'>(
          await client(),
          pathOf(environment),
          'offers',
          {},
        )
        show(page, () =>
          page.offers.length === 0
            ? `No offers in ${environment}: app users may buy every active price that the policies allow.`
            : table(
                [
                  { title: 'OFFER', value: (row) => row.offerId },
                  { title: 'SELLS', value: soldBy, flexible: true },
                  { title: 'MODE', value: (row) => row.mode },
                  { title: 'QUANTITY', value: quantities },
                  { title: 'GROUP', value: (row) => row.productGroup, flexible: true },
                  { title: 'STATE', value: (row) => (row.active ? 'active' : 'inactive') },
                ],
                page.offers,
                io.stdout.columns,
              ),
        )
      }),
    )
  registerSet(offers)
  offers
    .command('remove <offerId>')
    .description('remove an offer; without the last one, app users may buy every active price again')
    .addOption(environmentOption())
    .action(
      action<InEnvironment, [string]>(async (context, id) => {
        const { environment } = context.options
        await context.confirm(`Remove the offer ${plain(id)} in ${environment}?`)
        const answer = await (await context.client()).send<DeleteOfferResponse>(
          'DELETE',
          pathOf(environment, id),
        )
        context.show(answer, () => `Removed ${plain(answer.offerId)}.`)
      }),
    )
}
