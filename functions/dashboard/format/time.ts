/** Instants in the viewer's zone, and in UTC for the hover. */

const longFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
const shortFormat = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
})
const shortFormatWithYear = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
})
const dayFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })
const relativeFormat = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' })

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
]

export const VIEWER_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone

function dateOf(instant: unknown): Date | null {
  if (typeof instant !== 'string') return null
  const date = new Date(instant)
  return Number.isNaN(date.getTime()) ? null : date
}

const withDate = (format: (date: Date) => string) => (instant: unknown) => {
  const date = dateOf(instant)
  return date === null ? '–' : format(date)
}

export const formatLong = withDate((date) => longFormat.format(date))
export const formatDay = withDate((date) => dayFormat.format(date))
export const formatUtc = withDate((date) => `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`)
/** Without the year for the present one, without the time for others. */
export const formatShort = withDate((date) =>
  date.getFullYear() === new Date().getFullYear()
    ? shortFormat.format(date)
    : shortFormatWithYear.format(date),
)
export const formatRelative = withDate((date) => {
  const seconds = (date.getTime() - Date.now()) / 1000
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1]
  return relativeFormat.format(Math.round(seconds / size), unit)
})

/** Seconds as people say them: 4.2 s, 3 min, 2 h, 5 d. */
export function formatDuration(seconds: number | null | undefined): string {
  if (typeof seconds !== 'number') return '–'
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`
  if (seconds < 90) return `${Math.round(seconds)} s`
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h`
  return `${Math.round(seconds / 86_400)} d`
}

/** The beginning of a day that a date field holds, in the viewer's zone; undefined if it is no day. */
export function startOfDay(day: string | undefined, plusDays = 0): string | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day ?? '')
  if (!match) return undefined
  const [, year, month, date] = match.map(Number)
  return new Date(year ?? 0, (month ?? 1) - 1, (date ?? 1) + plusDays).toISOString()
}

/** The day of an instant in the viewer's zone, as a date field holds it. */
export function dayOf(date: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

/** An instant as a field for date and time holds it, in the viewer's zone. */
export function localTimeOf(instant: string | null): string {
  const date = dateOf(instant)
  if (date === null) return ''
  const two = (value: number) => String(value).padStart(2, '0')
  return `${dayOf(date)}T${two(date.getHours())}:${two(date.getMinutes())}`
}

/** The instant that such a field holds; undefined if it holds none. */
export function ofLocalTime(text: string): string | undefined {
  const date = new Date(text)
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}
