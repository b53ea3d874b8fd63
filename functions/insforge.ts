/**
 * The entry for an InsForge function with the slug `payments`. InsForge runs it under Deno, and takes one file: the
 * bundle of this one.
 */
import { readEnv } from './core/runtime.ts'
import { createHandler, type Handler } from './fetch.ts'

const SLUG = 'payments'

const handler: Handler = createHandler({
  env: () => ({
    PAYMENTS_BASE_PATH: `/${SLUG}`,
    PAYMENTS_POOL_SIZE: '2',
    PAYMENTS_JWT_PRESET: 'insforge',
    ...readEnv(),
  }),
})

export default (request: Request): Promise<Response> => handler(request)
