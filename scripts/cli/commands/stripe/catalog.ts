/** `stripe catalog`, and the groups `stripe products` and `stripe prices`. */
import type { Command } from 'commander'
import type { ListStripeCatalogResponse } from '../../../../types/api.ts'
import { priceTable, productTable } from '../../support/catalog.ts'
import { action } from '../../support/context.ts'
import { environmentOption, type InEnvironment } from '../../support/options.ts'
import { registerPrices } from './prices.ts'
import { registerProducts } from './products.ts'

export function registerCatalog(parent: Command): void {
  listingCatalog(parent.command('catalog'))
  registerProducts(parent.command('products').description('products at Stripe'))
  registerPrices(parent.command('prices').description('prices at Stripe'))
}

/** Lists products and prices: `stripe catalog`, and `catalog` without another word. */
export function listingCatalog(command: Command): Command {
  return command
    .description('products and prices')
    .addOption(environmentOption())
    .action(
      action<InEnvironment, []>(async ({ client, io, options, show }) => {
        const catalog = await (await client()).get<ListStripeCatalogResponse>(
          `/${options.environment}/catalog`,
        )
        show(catalog, () =>
          catalog.products.length + catalog.prices.length === 0
            ? `No products in ${options.environment}. Run a sync to list those at Stripe.`
            : [
                productTable(catalog.products, io.stdout.columns),
                priceTable(catalog.prices, io.stdout.columns),
              ].join('\n\n'),
        )
      }),
    )
}
