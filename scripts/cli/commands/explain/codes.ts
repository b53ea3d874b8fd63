/**
 * What the codes of answers and of health findings mean. `npm run generate` puts them into `sql/ERRORS.md` and
 * `types/explanations.json`, together with the SQLSTATEs of `sql/fixtures`.
 */
import type { ErrorCode } from '../../../../types/api.ts'

export type Meaning = { meaning: string; next: string }

/** The codes in `error` of an HTTP answer. */
export const HTTP_CODES: Record<ErrorCode, Meaning> = {
  INVALID_INPUT: {
    meaning: 'The request has a value that is missing, too long or of the wrong form. The message names it.',
    next: 'Correct that value. GET /api/payments/openapi.json describes each field.',
  },
  PAYLOAD_TOO_LARGE: {
    meaning: 'The body is larger than 1 MB.',
    next: 'Send less. Stripe never sends an event of that size.',
  },
  NOT_FOUND: {
    meaning: 'There is no such route.',
    next: 'Check the address, PAYMENTS_BASE_PATH, and that client and handlers are of the same release.',
  },
  METHOD_NOT_ALLOWED: {
    meaning: 'The route exists, with another method.',
    next: 'Use a method that the header Allow names.',
  },
  AUTH_UNAUTHORIZED: {
    meaning:
      'With 403: the caller is known, and a policy or a missing role refuses it. With 401: the token has expired.',
    next: 'After a 401 refresh the session. For a checkout, write a policy: `pg-payments add team-billing`. For the admin API, send PAYMENTS_ADMIN_KEY.',
  },
  AUTH_INVALID_CREDENTIALS: {
    meaning:
      'The token is missing, has no exp claim, or is not signed as these handlers expect. The message says which.',
    next: 'Sign in again. If every token is refused, check PAYMENTS_JWT_SECRET or PAYMENTS_JWKS_URL with `pg-payments doctor`.',
  },
  AUTH_INVALID_API_KEY: {
    meaning: 'The admin key is not that of the handlers.',
    next: 'Send the value of PAYMENTS_ADMIN_KEY as the header x-api-key.',
  },
  PAYMENT_CHECKOUT_ALREADY_EXISTS: {
    meaning: 'The idempotency key was used for another request.',
    next: 'Use one key for each purchase, and repeat a request unchanged.',
  },
  PAYMENT_CONFIG_INVALID: {
    meaning: 'The Stripe key of this environment is missing, refused, or lacks a permission.',
    next: 'Store another one: `pg-payments stripe config set --environment test`.',
  },
  PAYMENT_CONFIG_NOT_FOUND: {
    meaning: 'No Stripe key is stored for this environment.',
    next: 'Store one: `pg-payments stripe config set --environment test`.',
  },
  PAYMENT_ACCOUNT_CHANGED: {
    meaning: 'The key belongs to another Stripe account than the rows in the database.',
    next: 'Use a key of the same account. If you mean it, `stripe config set --replace-account`, or `sync --erased` if Stripe erased its data.',
  },
  PAYMENT_CHANGED_MEANWHILE: {
    meaning: 'Another request or an event changed this since it was read, so nothing was changed.',
    next: 'Read it again, and repeat the change if it is still wanted.',
  },
  PAYMENT_NOT_CAPTURABLE: {
    meaning: 'The payment waits for no capture, or the amount is more than can be captured.',
    next: 'Look at the payment: `pg-payments stripe transactions --environment test`.',
  },
  PAYMENT_NOT_OFFERED: {
    meaning: 'No offer is for this buyer and these items now.',
    next: 'Check the lookup keys, and the offers of the app.',
  },
  PAYMENT_QUANTITY_NOT_OFFERED: {
    meaning: 'The offer is for another quantity.',
    next: 'Send a quantity that the offer allows.',
  },
  PAYMENT_OPTION_NOT_OFFERED: {
    meaning: 'The offer does not allow an option, an amount or a trial of the request.',
    next: 'Leave it out, or allow it in the offer.',
  },
  PAYMENT_PLAN_ALREADY_EXISTS: {
    meaning: 'The subject has a living subscription of the product group.',
    next: 'Open the portal to change the plan.',
  },
  PAYMENT_OFFER_NOT_FOUND: {
    meaning: 'There is no such offer.',
    next: 'Check the id and the environment.',
  },
  PAYMENT_SUBJECT_CONFLICT: {
    meaning: 'The object belongs to another billing subject.',
    next: 'Check whose it is before you assign it.',
  },
  PAYMENT_SECRETS_UNREADABLE: {
    meaning: 'The stored secrets cannot be decrypted with PAYMENTS_ENCRYPTION_KEY.',
    next: 'Set the key that they were stored with, or store them again: `pg-payments stripe config set`.',
  },
  PAYMENT_NOT_FOUND: {
    meaning: 'There is no such object, or the billing subject has no customer yet.',
    next: 'Check the id. A portal opens only for a subject that has paid before.',
  },
  PAYMENT_PRODUCT_NOT_FOUND: {
    meaning: 'Stripe has no such product in this environment.',
    next: 'Check the id and the environment: ids of test and live differ.',
  },
  PAYMENT_PRICE_NOT_FOUND: {
    meaning: 'Stripe has no such price in this environment.',
    next: 'Check the id and the environment: `pg-payments stripe prices list --environment test`.',
  },
  PAYMENT_PRODUCT_IN_USE: {
    meaning: 'The product has prices, so Stripe does not delete it.',
    next: 'Archive it: `pg-payments stripe products update <id> --environment test --active false`.',
  },
  PAYMENT_PRICE_IN_USE: {
    meaning: 'The price is the default of its product, so Stripe does not archive it.',
    next: 'Give the product another default price in the Stripe Dashboard first.',
  },
  PAYMENT_LOOKUP_KEY_IN_USE: {
    meaning: 'Another price has this lookup key.',
    next: 'Choose another key, or take it from the other price first.',
  },
  PAYMENT_METHOD_DECLINED: {
    meaning: 'The bank or Stripe declined the payment.',
    next: 'Let the customer use another card.',
  },
  PAYMENT_SYNC_RUNNING: {
    meaning: 'A sync of this environment is running.',
    next: 'Wait until it has ended: `pg-payments stripe status` shows its progress.',
  },
  RATE_LIMITED: {
    meaning: 'There were too many requests: to Stripe, or by guests in this minute.',
    next: 'Wait as long as the header Retry-After says. PAYMENTS_GUEST_CHECKOUTS_PER_MINUTE is the limit of guests.',
  },
  UPSTREAM_FAILURE: {
    meaning: 'Stripe refused the request or could not be reached. The message is that of Stripe.',
    next: 'For 400, correct the request. Otherwise repeat it with the same idempotency key.',
  },
  DATABASE_DUPLICATE: {
    meaning: 'A row with this key exists already.',
    next: 'Read it instead of creating it.',
  },
  DATABASE_CONSTRAINT_VIOLATION: {
    meaning: 'A constraint of the database refuses the value, for example one of a table of the app.',
    next: 'Look at the log of the handlers: it has the name of the constraint.',
  },
  DATABASE_UNAVAILABLE: {
    meaning: 'Postgres cannot be reached or is too busy. Stripe delivers a webhook again.',
    next: 'Try again in a moment. If it stays, run `pg-payments doctor`.',
  },
  INTERNAL_ERROR: {
    meaning: 'An error that nobody expected. For a webhook: a projection or a trigger of the app raised.',
    next: 'Look at the log of the handlers by the X-Request-Id. For a webhook: `pg-payments events list --environment test --status failed`.',
  },
}

const SET_KEY = 'Store a key: `pg-payments stripe config set --environment test`.'
const CONFIGURE = 'Run `pg-payments stripe webhooks configure --environment test`.'
const RECOVER = 'Then recover what was lost: `pg-payments recover --environment test`.'
const FAILED = '`pg-payments events list --environment test --status failed` shows why.'
const SETTING = 'Remove this setting of the login or of the database; the finding has the statement.'

/** The codes of the reasons in the health of an environment, and of what `doctor` shows of it. */
export const HEALTH_CODES: Record<string, Meaning> = {
  no_key: {
    meaning: 'There is no Stripe key for the environment.',
    next: `${SET_KEY} ${RECOVER}`,
  },
  secrets_unreadable: {
    meaning: 'The stored secrets cannot be decrypted.',
    next: `Set PAYMENTS_ENCRYPTION_KEY to the key that they were stored with, or store them again. ${RECOVER}`,
  },
  key_refused: { meaning: 'Stripe refuses the key, or it lacks a permission.', next: SET_KEY },
  stripe_unreachable: { meaning: 'Stripe cannot be reached just now.', next: 'Try again in a moment.' },
  no_signing_secret: {
    meaning: 'There is no signing secret, so every event is refused.',
    next: `${CONFIGURE} ${RECOVER}`,
  },
  endpoint_not_managed: {
    meaning: 'PAYMENTS_PUBLIC_URL is set, and nobody has set up the webhook endpoint.',
    next: CONFIGURE,
  },
  endpoint_missing: {
    meaning: 'No enabled endpoint at Stripe delivers here.',
    next: `${CONFIGURE} ${RECOVER}`,
  },
  endpoint_gone: { meaning: 'The endpoint was deleted at Stripe.', next: `${CONFIGURE} ${RECOVER}` },
  endpoint_disabled: { meaning: 'The endpoint is disabled at Stripe.', next: `${CONFIGURE} ${RECOVER}` },
  endpoint_missing_events: {
    meaning: 'The endpoint does not subscribe to all events.',
    next: `${CONFIGURE} ${RECOVER}`,
  },
  endpoint_other_version: { meaning: 'The endpoint sends events of another API version.', next: CONFIGURE },
  endpoint_other_url: {
    meaning: 'The endpoint delivers elsewhere: this database is a copy, or the deployment has moved.',
    next: 'For a copy, run `pg-payments stripe webhooks configure`. After a move, add `--take-over`.',
  },
  endpoint_secret_unknown: {
    meaning: 'The signing secret of the endpoint is not known here.',
    next: `${CONFIGURE} ${RECOVER}`,
  },
  endpoint_duplicate: {
    meaning: 'Another endpoint at Stripe delivers here too, and its signing secret is not used here.',
    next: 'Delete that endpoint in the Stripe Dashboard: the managed one brings the same events.',
  },
  address_unreachable: {
    meaning: 'The handlers cannot reach the address to which Stripe delivers.',
    next: 'Check PAYMENTS_PUBLIC_URL, DNS and the proxy. Some networks do not let a server reach itself.',
  },
  address_wrong: {
    meaning: 'The address to which Stripe delivers leads to something else.',
    next: 'Check PAYMENTS_PUBLIC_URL: it has every prefix of the public address.',
  },
  signatures_wrong: {
    meaning: 'Deliveries were refused, because no signing secret here made their signature.',
    next: `${CONFIGURE} ${RECOVER}`,
  },
  signatures_too_old: {
    meaning: 'Deliveries were refused, because their signature was over five minutes old.',
    next: `Let the clock of the handlers follow NTP. ${RECOVER}`,
  },
  events_missing: {
    meaning: 'Stripe lists events that never arrived here.',
    next: 'Fix the other findings first. Then run `pg-payments recover --environment test`.',
  },
  isolation_level: {
    meaning: 'The isolation level of the login breaks every webhook and every checkout.',
    next: SETTING,
  },
  row_security: { meaning: 'The login has row_security = off, so every checkout fails.', next: SETTING },
  read_only: {
    meaning:
      'The server is a standby, or transactions of the login are read-only, so every webhook and every checkout fails.',
    next: `Set DATABASE_URL to the address of the primary server. Or: some platforms set this while the disk is full. ${SETTING}`,
  },
  replication_role: {
    meaning: 'No trigger fires and nothing is fulfilled, because session_replication_role is replica.',
    next: `${SETTING} ${RECOVER}`,
  },
  dead_letters: {
    meaning: 'Events have failed twelve times and are not retried automatically.',
    next: `${FAILED} Fix the cause, then run \`pg-payments events retry --environment test\`.`,
  },
  backlog: { meaning: 'Events have failed and wait for their next attempt.', next: FAILED },
  offer_cannot_be_bought: {
    meaning:
      'An offer names a price, a lookup key or a product that is unknown, inactive or of the other mode.',
    next: 'Correct the offer, or run a sync if Stripe has what it names.',
  },
  sync_failed: {
    meaning: 'The last sync failed.',
    next: 'Run it again: `pg-payments stripe sync --environment test`.',
  },
}
