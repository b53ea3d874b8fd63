/** The templates, and what each needs to know of an app. */
import { quoted, type Values } from './render.ts'
import type { Settings, Template } from './shapes.ts'

const regproc = ({ schema }: Settings, name: string) =>
  `exists (select from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace where n.nspname = '${schema.replaceAll("'", "''")}' and p.proname = '${name}')`
const policy = (name: string, table: string) =>
  `exists (select from pg_policies where schemaname = 'payments' and tablename = '${table}' and policyname = '${name}')`
const view = ({ schema }: Settings, name: string) =>
  `exists (select from pg_views where schemaname = '${schema.replaceAll("'", "''")}' and viewname = '${name}')`

/** Whom a checkout must name. */
const subjectOf = (subject: string | null) =>
  `Each checkout names who buys: subject {"type": "${subject}", "id": "<id>"}.${subject === 'user' ? ' Without it, the signed-in user who begins it is the buyer.' : ' A checkout without it is for nobody.'}`

/** What a browser may ask for, until offers say what it may. */
const offers = (mode: 'payment' | 'subscription', subject: string | null) => [
  'Say what may be bought. While there is no offer, a browser chooses any active price, the quantity and a free trial:',
  `npx pg-payments offers set <name> --environment test --lookup-key <lookup key> --mode ${mode}${subject === null ? '' : ` --subject-types ${subject}`}${mode === 'subscription' ? ' --product-group plans --one-plan true' : ''}`,
]

const ENTITLEMENTS = {
  file: 'entitlements',
  isThere: (settings: Settings) => view(settings, `${settings.subject}_entitlements`),
  creates: () => ({ payment_plans: ['environment', 'price', 'plan', 'rank'] }),
  next: ({ schema, subject }: Settings) => [
    `insert into ${quoted(schema)}.payment_plans (environment, price, plan, rank) values ('test', '<lookup key>', 'pro', 10);`,
    `App users read ${quoted(schema)}.my_${subject}_entitlements and my_${subject}_billing_status.`,
    ...offers('subscription', subject),
  ],
}

export const TEMPLATES: Template[] = [
  {
    name: 'orders',
    aliases: ['one-time-orders'],
    summary: 'marks one-time orders and carts paid, once their money has arrived',
    file: 'orders',
    subject: 'any',
    orders: true,
    isThere: (settings) => regproc(settings, 'tg_webhook_events__order_purchases'),
    creates: () => ({
      order_purchases: [
        'purchase_id',
        'environment',
        'order_id',
        'named_order',
        'status',
        'fits',
        'first_paid_at',
      ],
    }),
    next: ({ schema, subject, orders }) => [
      'Start each checkout with metadata {"order_id": "<id>"} and the prices of the order.',
      ...(orders?.user ? [subjectOf(subject)] : []),
      `The server reads ${quoted(schema)}.order_status and unmatched_order_payments; app users may not.`,
      orders?.isNew && subject === 'user'
        ? `App users read their own rows of ${quoted(orders.table.schema)}.${quoted(orders.table.name)}.`
        : 'To show orders to app users, write a policy or a view of yours.',
      ...offers('payment', null),
    ],
  },
  {
    name: 'credit-ledger',
    aliases: ['credit_ledger', 'credits'],
    summary: 'credits that are bought, spent, taken back with a refund, and that expire',
    file: 'credit-ledger',
    subject: 'any',
    isThere: (settings) => regproc(settings, 'tg_webhook_events__credits'),
    creates: ({ subject }) => ({
      credit_packs: ['environment', 'price', 'credits', 'valid_days'],
      credit_accounts: [`${subject}_id`],
      credit_grants: [
        `${subject}_id`,
        'reference',
        'purchase_id',
        'credits',
        'spent',
        'taken_back',
        'expires_at',
      ],
      credit_entries: [`${subject}_id`, 'kind', 'credits', 'reference', 'parts'],
    }),
    next: ({ schema, subject }) => [
      `insert into ${quoted(schema)}.credit_packs (environment, price, credits) values ('test', '<lookup key>', 100);`,
      subjectOf(subject),
      `The server spends with ${quoted(schema)}.spend_credits(id, credits, reference).`,
      ...offers('payment', subject),
    ],
  },
  {
    name: 'user-entitlements',
    aliases: ['user_entitlements'],
    summary: 'which plan each user has by its subscriptions',
    subject: 'user',
    ...ENTITLEMENTS,
  },
  {
    name: 'team-entitlements',
    aliases: ['team_entitlements', 'team-billing-status', 'team_billing_status'],
    summary: 'which plan each team, workspace, organization, … has, and the state of its billing',
    subject: 'group',
    ...ENTITLEMENTS,
  },
  {
    name: 'team-billing',
    aliases: ['team-billing-policies'],
    summary: 'which members may start a checkout for a team, workspace, organization, … and open its portal',
    file: 'billing',
    subject: 'group',
    isThere: ({ subject }) => policy(`insert_${subject}`, 'stripe_checkout_sessions'),
    creates: () => ({}),
    next: ({ subject }) => [
      `A member starts a checkout with subject {"type": "${subject}", "id": "<id>"}.`,
      ...offers('subscription', subject),
    ],
  },
  {
    name: 'read-access',
    aliases: ['read_access'],
    summary:
      'lets app users read the catalogue, and the payments, subscriptions and invoices of what they may bill',
    file: 'read-access',
    subject: 'any',
    isThere: ({ subject }) => policy(`select_subject_${subject}`, 'transactions'),
    creates: () => ({}),
    next: () => [],
  },
  {
    name: 'guest-checkout',
    aliases: ['guest_checkout'],
    summary: 'purchases of guests, who can take them over once they sign in',
    file: 'guest-checkout',
    subject: 'user',
    isThere: (settings) => regproc(settings, 'tg_webhook_events__guest_purchases'),
    creates: () => ({
      guest_purchases: ['purchase_id', 'environment', 'checkout_session_id', 'items', 'status', 'claimed_by'],
    }),
    next: ({ schema }) => [
      'Put {CHECKOUT_SESSION_ID} into the successUrl of guests.',
      `After sign-in, the page calls ${quoted(schema)}.claim_guest_purchase(<id of the session>).`,
      ...offers('payment', null),
    ],
  },
  {
    name: 'retry-schedule',
    aliases: ['retry_schedule'],
    summary: 'retries failed events every few minutes with pg_cron',
    file: 'retry-schedule',
    subject: 'none',
    schedule: true,
    isThere: () => 'false',
    creates: () => ({}),
    next: () => ['Let cron call "pg-payments schedule run" too: it recovers lost events and syncs rows.'],
  },
  {
    name: 'compat',
    summary: 'the older names of tables and columns, among them payment_history with its trigger',
    file: 'compat',
    subject: 'none',
    isThere: () => "to_regclass('payments.payment_history') is not null",
    creates: () => ({}),
    next: () => [
      'Policies of sessions stand on payments.stripe_checkout_sessions and payments.stripe_customer_portal_sessions.',
      'After a sync: select payments.refresh_payment_history();',
    ],
  },
]

/** What every template may name. */
export const commonValues = ({ schema, subject }: Settings): Values => ({
  schema: quoted(schema),
  subject: subject ?? '',
  is_user: subject === 'user',
  is_group: subject !== null && subject !== 'user',
})
