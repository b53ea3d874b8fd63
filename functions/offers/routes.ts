/** Offers: what app users may buy. The database decides by them; Stripe knows nothing of them. */
import { checkoutOptions, optionName, optionsOf, optionsShown } from '../checkout/options.ts'
import { apiError } from '../core/errors.ts'
import { listRoute } from '../core/paging.ts'
import { present, type RowOf, snakeCase } from '../core/present.ts'
import { alphabetical } from '../core/reads.ts'
import { route } from '../core/route.ts'
import { deleteOffer, putOffer } from '../core/sql.ts'
import {
  deleteOfferResponse,
  offer,
  offerParams,
  offersQuery,
  putOfferBody,
  putOfferResponse,
} from './schemas.ts'

/** An offer with its options as requests spell them. */
const presentOffer = (row: RowOf<typeof offer>) =>
  present(offer, {
    ...row,
    allowed_options: (row.allowed_options as string[]).map(optionName),
    forced_options: optionsShown(row.forced_options as Record<string, unknown>),
  })

const listOffers = listRoute({
  id: 'listOffers',
  path: '/stripe/{environment}/offers',
  summary: 'Lists offers by their ids',
  query: offersQuery,
  items: 'offers',
  list: {
    name: 'offers',
    answer: offer,
    view: 'payments_private.offer_list',
    order: alphabetical('v.offer_id', 'v.offer_id'),
  },
  present: presentOffer,
})

const writeOffer = route({
  id: 'putOffer',
  method: 'PUT',
  path: '/stripe/{environment}/offers/{offerId}',
  summary: 'Writes an offer as a whole',
  description:
    'Once an environment has an offer, app users can buy nothing else there. A backend with the admin key can.',
  params: offerParams,
  body: putOfferBody,
  response: putOfferResponse,
  async handle({ params: { environment, offerId }, body }, { database }) {
    const { allowedOptions, forcedOptions, ...fields } = body
    const columns = Object.entries(fields).map(([field, value]) => [snakeCase(field), value])
    const row = await putOffer(database, {
      environment,
      offerId,
      offer: {
        ...Object.fromEntries(columns),
        allowed_options: allowedOptions.map(snakeCase),
        forced_options: optionsOf(forcedOptions, checkoutOptions),
      },
    })
    return { offer: presentOffer(row) }
  },
})

const removeOffer = route({
  id: 'deleteOffer',
  method: 'DELETE',
  path: '/stripe/{environment}/offers/{offerId}',
  summary: 'Deletes an offer',
  description: 'Without the last offer of an environment, the policies alone decide what app users may buy.',
  params: offerParams,
  response: deleteOfferResponse,
  errors: { 404: ['PAYMENT_OFFER_NOT_FOUND'] },
  async handle({ params: { environment, offerId } }, { database }) {
    const row = await deleteOffer(database, { environment, offerId })
    if (row === undefined)
      throw apiError(404, 'PAYMENT_OFFER_NOT_FOUND', `There is no offer ${offerId} in ${environment}.`, {
        nextActions: `List the offers: GET /api/payments/stripe/${environment}/offers.`,
      })
    return { offerId, deleted: true }
  },
})

export const offerRoutes = [listOffers, writeOffer, removeOffer]
