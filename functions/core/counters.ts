/** What this process has counted since its start, for `GET /metrics`. Small, because every request counts. */

/** Labels that belong together; a change of one of them is another count. */
type Labels = Record<string, string>

export type Count = { labels: Labels; count: number; seconds: number }

export type Counters = {
  /** Counts a request, and adds up its duration. The route is the pattern, so that there are few. */
  countRequest(labels: { method: string; route: string; status: string }, ms: number): void
  countWebhook(labels: { environment: string; outcome: string }): void
  requests(): Count[]
  webhooks(): Count[]
}

export function createCounters(): Counters {
  const requests = new Map<string, Count>()
  const webhooks = new Map<string, Count>()
  const add = (counts: Map<string, Count>, labels: Labels, seconds = 0) => {
    const key = Object.values(labels).join(' ')
    const known = counts.get(key)
    if (known) {
      known.count += 1
      known.seconds += seconds
    } else counts.set(key, { labels, count: 1, seconds })
  }
  return {
    countRequest: (labels, ms) => add(requests, labels, ms / 1000),
    countWebhook: (labels) => add(webhooks, labels),
    requests: () => [...requests.values()],
    webhooks: () => [...webhooks.values()],
  }
}
