/** `stripe assign` and `stripe erase`: whom purchases belong to, and what is forgotten of a billing subject. */
import type { Command } from 'commander'
import type { AssignSubjectResponse, EraseSubjectResponse } from '../../../../types/api.ts'
import { action } from '../../support/context.ts'
import { cliError } from '../../support/errors.ts'
import { environmentOption, type InEnvironment } from '../../support/options.ts'
import { count } from '../../support/output.ts'

type Subject = InEnvironment & { subjectType: string; subjectId: string }
type AssignOptions = Subject & { customer?: string; subscription?: string; replace?: boolean }

const withSubject = (command: Command) =>
  command
    .addOption(environmentOption())
    .requiredOption('--subject-type <type>', 'the type of the billing subject')
    .requiredOption('--subject-id <id>', 'the id of the billing subject')

export function registerOwners(parent: Command): void {
  withSubject(
    parent.command('assign').description('assign a customer or a subscription to a billing subject'),
  )
    .option('--customer <id>', 'the customer (cus_…), with all that was bought with it')
    .option('--subscription <id>', 'the subscription (sub_…), with its payments and invoices')
    .option('--replace', 'also if it belongs to another billing subject')
    .action(
      action<AssignOptions, []>(async ({ client, options, show }) => {
        const { environment, customer, subscription, subjectType, subjectId, replace } = options
        if ((customer === undefined) === (subscription === undefined))
          throw cliError('Name a customer or a subscription, and not both.', {
            code: 'INVALID_INPUT',
            next: 'Pass --customer or --subscription.',
          })
        const answer = await (await client()).send<AssignSubjectResponse>(
          'POST',
          `/${environment}/assign-subject`,
          { customerId: customer, subscriptionId: subscription, subjectType, subjectId, replace },
        )
        const { assignment } = answer
        show(
          answer,
          () =>
            `The ${assignment.objectType} ${assignment.objectId} belongs to the ${subjectType} ${subjectId} now, with ${[
              count(assignment.subscriptions, 'subscription'),
              count(assignment.transactions, 'payment'),
              count(assignment.invoices, 'invoice'),
            ].join(', ')}.`,
        )
      }),
    )
  withSubject(parent.command('erase').description('remove the personal data of a billing subject')).action(
    action<Subject, []>(async ({ client, confirm, options, show }) => {
      const { environment, subjectType, subjectId } = options
      await confirm(
        `Remove the personal data of the ${subjectType} ${subjectId} from ${environment}? It cannot be brought back.`,
      )
      const answer = await (await client()).send<EraseSubjectResponse>(
        'POST',
        `/${environment}/erase-subject`,
        { subjectType, subjectId },
      )
      const { erasure } = answer
      show(answer, () =>
        [
          `Removed the personal data of ${count(erasure.customers, 'customer')} and ${count(erasure.objects, 'object')}, and from ${count(erasure.events, 'event')}.`,
          'Amounts and ids stay. Stripe keeps its own copy: delete the customer there.',
          ...(erasure.livingSubscriptions === 0
            ? []
            : [`${count(erasure.livingSubscriptions, 'subscription')} of it is alive and goes on.`]),
          ...(erasure.openCheckouts === 0
            ? []
            : [
                `${count(erasure.openCheckouts, 'checkout')} of it can still be paid. Erase again after that.`,
              ]),
        ].join('\n'),
      )
    }),
  )
}
