import type { Offer } from '../../../../types/api.ts'
import { texts } from '../../texts.ts'
import type { Tone } from '../../ui/badge.tsx'

const t = texts.offers

/** Whether the offer can be bought now, by its own dates. */
export function stateOf({ active, startsAt, endsAt }: Offer): { tone: Tone; text: string } {
  const now = Date.now()
  if (!active) return { tone: 'neutral', text: t.paused }
  if (endsAt !== null && Date.parse(endsAt) <= now) return { tone: 'neutral', text: t.over }
  if (startsAt !== null && Date.parse(startsAt) > now) return { tone: 'accent', text: t.later }
  return { tone: 'good', text: t.open }
}
