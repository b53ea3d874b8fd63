/** `payments …`: captures or cancels what a checkout with manual capture has authorized. */

import type { Command } from 'commander'
import { AMOUNT_MAX } from '../../../functions/core/currency.ts'
import type { PaymentResponse } from '../../../types/api.ts'
import { action, type Context } from '../support/context.ts'
import { environmentOption, type InEnvironment, wholeNumber } from '../support/options.ts'
import { money, plain } from '../support/output.ts'

type CaptureOptions = InEnvironment & { amount?: number }

async function send(
  { client, options, show }: Context<InEnvironment>,
  id: string,
  what: 'capture' | 'cancel',
  body: { amount?: number },
): Promise<void> {
  const path = `/${options.environment}/payments/${encodeURIComponent(id)}/${what}`
  const answer = await (await client()).send<PaymentResponse>('POST', path, body)
  const { paymentIntentId, status, amountReceived, currency } = answer.payment
  show(
    answer,
    () => `${plain(paymentIntentId)} is ${plain(status)}; received ${money(amountReceived, currency)}.`,
  )
}

export function registerPayments(program: Command): void {
  const payments = program.command('payments').description('payments that wait for their capture')
  payments
    .command('capture <paymentIntentId>')
    .description('capture an authorized payment, or a part of it; the rest is released')
    .addOption(environmentOption())
    .option(
      '--amount <amount>',
      "in the currency's minor unit; all of it if left out",
      wholeNumber(1, AMOUNT_MAX),
    )
    .action(
      action<CaptureOptions, [string]>(async (context, id) => {
        const { amount } = context.options
        await send(context, id, 'capture', amount === undefined ? {} : { amount })
      }),
    )
  payments
    .command('cancel <paymentIntentId>')
    .description('cancel a payment that is not captured, and release what it holds')
    .addOption(environmentOption())
    .action(action<InEnvironment, [string]>((context, id) => send(context, id, 'cancel', {})))
}
