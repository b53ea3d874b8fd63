/** Counts as people read them. */
const whole = new Intl.NumberFormat()

export const formatCount = (count: number | null | undefined) =>
  typeof count === 'number' ? whole.format(count) : '–'

/** `processing_status` and `checkout.session` as words: Processing status, Checkout session. */
export function humanise(word: string | null | undefined): string {
  if (typeof word !== 'string' || word === '') return '–'
  const text = word.replaceAll(/[._]/g, ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}
