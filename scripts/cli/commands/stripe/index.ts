/** `pg-payments stripe …`: the Stripe account of each environment, its catalog, and what was paid. */
import type { Command } from 'commander'
import { registerCatalog } from './catalog.ts'
import { registerConfig } from './config.ts'
import { registerLists } from './lists.ts'
import { registerOwners } from './owners.ts'
import { registerStatus } from './status.ts'
import { registerSync } from './sync.ts'
import { registerWebhooks } from './webhooks.ts'

export function registerStripe(program: Command): void {
  const stripe = program.command('stripe').description('the Stripe account, its catalog, and what was paid')
  registerStatus(stripe)
  registerConfig(stripe)
  registerSync(stripe)
  registerWebhooks(stripe)
  registerCatalog(stripe)
  registerLists(stripe)
  registerOwners(stripe)
}
