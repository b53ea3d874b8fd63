/** Accepts a delivery that Stripe has signed, and refuses and counts every other one. */
import type { StripeEnvironment } from '../../types/api.ts'
import { apiError } from '../core/errors.ts'
import type { Deps } from '../deps.ts'
import { judgeSignature, SIGNATURE_TOLERANCE_S, type SignatureVerdict } from './signature.ts'

type VerifyDeps = Pick<Deps, 'secrets' | 'now' | 'refusals' | 'background' | 'log'>

/**
 * Checks the signature with every signing secret in use. If none of them made it, reloads them and checks again.
 *
 * @throws 400 for a signature that is wrong or too old
 */
export async function verifySignature(
  environment: StripeEnvironment,
  body: Uint8Array<ArrayBuffer>,
  signature: string,
  deps: VerifyDeps,
): Promise<void> {
  const { secrets, now, refusals, background, log } = deps
  const judge = async () => judgeSignature(body, signature, await secrets.webhookSecrets(environment), now())
  let judged = await judge()
  if (judged.verdict !== 'good' && judged.verdict !== 'too_old') {
    if (await secrets.refresh(environment)) judged = await judge()
  }
  const { verdict, ageSeconds } = judged
  if (verdict === 'good') {
    const forgotten = refusals.accepted(environment)
    if (forgotten !== null) background.waitUntil(forgotten)
    return
  }
  const warn = log.warn ?? log.error
  warn(verdict === 'too_old' ? 'webhook_signature_too_old' : 'webhook_signature_wrong', {
    environment,
    ...(verdict === 'malformed' ? { malformed: true } : { ageSeconds }),
  })
  if (verdict !== 'malformed' && looksLikeEvent(body)) {
    const written = refusals.refused(environment, verdict)
    if (written !== null) background.waitUntil(written)
  }
  throw refusal(verdict, ageSeconds)
}

function refusal(verdict: SignatureVerdict, ageSeconds: number) {
  if (verdict === 'too_old')
    return apiError(
      400,
      'INVALID_INPUT',
      `The signature is right, but ${ageSeconds} seconds old; at most ${SIGNATURE_TOLERANCE_S} are accepted.`,
      { nextActions: 'If Stripe has just sent it, the clock of the handlers is ahead: let it follow NTP.' },
    )
  return apiError(400, 'INVALID_INPUT', 'The signature does not match this body.', {
    nextActions: 'Compare the signing secret with that of the webhook endpoint in the Stripe Dashboard.',
  })
}

/** Where the type of Stripe's objects stands. */
const EVENT_HEAD_BYTES = 1_000

/** Whether the body begins like an event. Others come from scanners, and say nothing about Stripe's deliveries. */
const looksLikeEvent = (body: Uint8Array<ArrayBuffer>) =>
  /"object"\s*:\s*"(?:v2\.core\.)?event"/.test(new TextDecoder().decode(body.subarray(0, EVENT_HEAD_BYTES)))
