/**
 * Runs local Stripe as a process: `npx tsx scripts/local-stripe/main.ts --port 12111`. It ends on SIGINT or SIGTERM.
 */
import { parseArgs } from 'node:util'
import { startLocalStripe } from './index.ts'

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '12111' },
    host: { type: 'string', default: '127.0.0.1' },
    'settle-after': { type: 'string' },
    webhook: { type: 'string' },
  },
})

const settleAfter = values['settle-after']
const local = await startLocalStripe({
  port: Number(values.port),
  host: values.host,
  settleAfterSeconds: settleAfter === undefined ? null : Number(settleAfter),
})

console.log(`Local Stripe listens on ${local.url}`)
console.log(`Test key ${local.secretKey}`)
if (values.webhook !== undefined) {
  const { secret } = local.control.addEndpoint({ url: values.webhook })
  console.log(`Signing secret ${secret}`)
}

const end = async (): Promise<void> => {
  await local.close()
  process.exit(0)
}
process.once('SIGINT', end)
process.once('SIGTERM', end)
