/** Assignments and erasures of billing subjects as schemas. */
import { z } from 'zod'
import * as s from '../core/schema-parts.ts'

const subject = {
  subjectType: s.text(1, 100),
  subjectId: s.text(1, 255),
}

export const assignBody = s
  .request('AssignSubjectRequest', {
    customerId: s.id.describe('A customer; else give `subscriptionId`.').optional(),
    subscriptionId: s.id.describe('A subscription; else give `customerId`.').optional(),
    ...subject,
    replace: s.boolean.describe('Also move what belongs to another billing subject.').optional(),
  })
  .superRefine(({ customerId, subscriptionId }, context) => {
    if ((customerId === undefined) === (subscriptionId === undefined))
      context.addIssue({
        code: 'custom',
        path: ['customerId'],
        message: 'is required, or else subscriptionId, and one of them only',
      })
  })

export const assignment = s.component('SubjectAssignment', {
  objectType: z.enum(['customer', 'subscription']),
  objectId: z.string(),
  subjectType: z.string(),
  subjectId: z.string(),
  assignedAt: s.instant,
  subscriptions: s.count.describe('Subscriptions of it that belong to the subject now.'),
  transactions: s.count.describe('Payments and refunds of it that belong to the subject now.'),
  invoices: s.count.describe('Invoices of it that belong to the subject now.'),
})
export const assignResponse = s.answer('AssignSubjectResponse', { assignment })

export const eraseBody = s.request('EraseSubjectRequest', subject)

export const erasure = s.component('SubjectErasure', {
  subjectType: z.string(),
  subjectId: z.string(),
  customers: s.count.describe('Customers whose personal data is removed.'),
  objects: s.count.describe('Their sessions, subscriptions, invoices, credit notes and objects of payments.'),
  events: s.count.describe('Payloads of the ledger that held personal data until now.'),
  livingSubscriptions: s.count.describe('Subscriptions that go on. They are not canceled.'),
  openCheckouts: s.count.describe('Checkouts that can still be paid. Erase again after that.'),
})
export const eraseResponse = s.answer('EraseSubjectResponse', { erasure })
