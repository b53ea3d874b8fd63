/** `stripe products …`. Changes are made at Stripe first, then in the rows. */
import type { Command } from 'commander'
import type {
  DeleteStripeProductResponse,
  GetStripeProductResponse,
  ListStripeProductsResponse,
  MutateStripeProductResponse,
} from '../../../../types/api.ts'
import { catalogPath, changes, priceTable, productDetails, productTable } from '../../support/catalog.ts'
import { everyPage } from '../../support/client.ts'
import { action } from '../../support/context.ts'
import { boolean, environmentOption, type InEnvironment, metadata, orNull } from '../../support/options.ts'
import { plain } from '../../support/output.ts'

type ProductOptions = InEnvironment & {
  name?: string
  description?: string
  active?: boolean
  metadata?: Record<string, string>
  idempotencyKey?: string
}

function productOptions(command: Command): Command {
  return command
    .option('--description <text>', 'what customers read; null for none')
    .option('--active <boolean>', 'whether it can be bought', boolean)
    .option('--metadata <json>', 'an object of texts', metadata)
}

export function registerProducts(products: Command): void {
  products
    .command('list')
    .description('every product')
    .addOption(environmentOption())
    .action(
      action<InEnvironment, []>(async ({ client, io, options, show }) => {
        const path = catalogPath(options.environment, 'products')
        const page = await everyPage<ListStripeProductsResponse, 'products'>(await client(), path, 'products')
        show(page, () =>
          page.products.length === 0
            ? `No products in ${options.environment}.`
            : productTable(page.products, io.stdout.columns),
        )
      }),
    )
  products
    .command('get <productId>')
    .description('one product with its prices')
    .addOption(environmentOption())
    .action(
      action<InEnvironment, [string]>(async ({ client, io, options, show }, id) => {
        const answer = await (await client()).get<GetStripeProductResponse>(
          catalogPath(options.environment, 'products', id),
        )
        show(answer, () =>
          [
            productDetails(answer.product),
            ...(answer.prices.length > 0 ? [priceTable(answer.prices, io.stdout.columns)] : ['No prices.']),
          ].join('\n\n'),
        )
      }),
    )
  productOptions(
    products
      .command('create')
      .description('create a product')
      .addOption(environmentOption())
      .requiredOption('--name <name>', 'what customers read'),
  )
    .option('--idempotency-key <key>', 'the same key with the same request creates one product')
    .action(
      action<ProductOptions, []>(async ({ client, options, show }) => {
        const { name, description, active, metadata, idempotencyKey } = options
        const answer = await (await client()).send<MutateStripeProductResponse>(
          'POST',
          catalogPath(options.environment, 'products'),
          { name, description: orNull(description), active, metadata, idempotencyKey },
        )
        show(answer, () => productDetails(answer.product))
      }),
    )
  productOptions(
    products
      .command('update <productId>')
      .description('change a product')
      .addOption(environmentOption())
      .option('--name <name>', 'what customers read'),
  ).action(
    action<ProductOptions, [string]>(async ({ client, options, show }, id) => {
      const { name, description, active, metadata } = options
      const answer = await (await client()).send<MutateStripeProductResponse>(
        'PATCH',
        catalogPath(options.environment, 'products', id),
        changes({ name, description: orNull(description), active, metadata }),
      )
      show(answer, () => productDetails(answer.product))
    }),
  )
  products
    .command('delete <productId>')
    .description('delete a product; Stripe refuses while it has prices')
    .addOption(environmentOption())
    .action(
      action<InEnvironment, [string]>(async (context, id) => {
        const { environment } = context.options
        await context.confirm(`Delete the product ${plain(id)} in ${environment}?`)
        const answer = await (await context.client()).send<DeleteStripeProductResponse>(
          'DELETE',
          catalogPath(environment, 'products', id),
        )
        context.show(answer, () => `Deleted ${plain(answer.productId)}.`)
      }),
    )
}
