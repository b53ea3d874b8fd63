/** Whom customers and subscriptions belong to, and what is forgotten of a billing subject. */
import { present } from '../core/present.ts'
import { type Route, route } from '../core/route.ts'
import { environmentParams } from '../core/schema-parts.ts'
import { assignSubject, eraseSubject } from '../core/sql.ts'
import { assignBody, assignment, assignResponse, eraseBody, eraseResponse, erasure } from './schemas.ts'

const assign = route({
  id: 'assignSubject',
  method: 'POST',
  path: '/stripe/{environment}/assign-subject',
  summary: 'Assigns a customer or a subscription to a billing subject, with its payments and invoices',
  params: environmentParams,
  body: assignBody,
  response: assignResponse,
  errors: { 404: ['PAYMENT_NOT_FOUND'], 409: ['PAYMENT_SUBJECT_CONFLICT'] },
  async handle({ params: { environment }, body }, { database }) {
    const { customerId, subscriptionId, subjectType, subjectId, replace } = body
    const row = await assignSubject(database, {
      environment,
      customerId: customerId ?? null,
      subscriptionId: subscriptionId ?? null,
      subjectType,
      subjectId,
      replace: replace ?? false,
    })
    return { assignment: present(assignment, row) }
  },
})

const erase = route({
  id: 'eraseSubject',
  method: 'POST',
  path: '/stripe/{environment}/erase-subject',
  summary: 'Removes the personal data of a billing subject; amounts and ids stay',
  params: environmentParams,
  body: eraseBody,
  response: eraseResponse,
  errors: { 404: ['PAYMENT_NOT_FOUND'] },
  async handle({ params: { environment }, body }, { database }) {
    return { erasure: present(erasure, await eraseSubject(database, { environment, ...body })) }
  },
})

export const ownerRoutes: Route[] = [assign, erase]
