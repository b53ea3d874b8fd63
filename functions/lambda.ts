/**
 * The handler for AWS Lambda, behind a function URL, API Gateway or a load balancer, published as `pg-payments/lambda`.
 * Lambda freezes the process after an answer, so each answer waits for the work that belongs to it.
 */
import { Hono } from 'hono'
import { handle } from 'hono/aws-lambda'
import { createHandler, type HandlerOptions } from './fetch.ts'

export type LambdaHandler = ReturnType<typeof handle>

export function createLambdaHandler(options?: HandlerOptions): LambdaHandler {
  const handler = createHandler(options)
  const app = new Hono()
  app.all('*', async (c) => {
    const response = await handler(c.req.raw)
    await handler.settled()
    return response
  })
  return handle(app)
}

/** The handler with the variables of the function. */
export const handler: LambdaHandler = createLambdaHandler()
