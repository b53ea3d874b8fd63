/**
 * Shares a few connections among uses that may not hold each other up, for example the webhooks of an environment. A
 * connection runs one statement at a time. Each use has one connection whenever it needs it, and may take more while
 * the other uses keep theirs.
 */
import type { Connection } from './connection.ts'

/** A connection that was taken; it is given back once. */
export type Taken = { connection: Connection; giveBack(): void }

/** A request for a connection, in its place in the queue. */
export type Request = {
  taken: Promise<Taken>
  /** Leaves the queue. A connection that was given meanwhile goes back. */
  withdraw(): void
}

export type Pool = {
  take(use: number): Request
  /** How many connections a use may have at once. */
  most(use: number): number
  /** Rejects every request in the queue. */
  failWaiting(error: unknown): void
  /** Whether any connection is open. */
  hasOpen(): boolean
  /** Resolves when no connection is taken and no request waits. */
  idle(): Promise<void>
}

type Seat = { connection: Connection; takenBy: number | null; lastUse: number | null; lastUsedAt: number }
type Waiting = { resolve: (taken: Taken) => void; reject: (error: unknown) => void }

/**
 * @param uses how many uses share the connections. With fewer connections than uses, the last uses share one. Of two
 * connections, the first is for the first use and the second for all others.
 */
export function createPool(connections: Connection[], uses: number): Pool {
  const seats: Seat[] = connections.map((connection) => ({
    connection,
    takenBy: null,
    lastUse: null,
    lastUsedAt: 0,
  }))
  const groups = Math.min(uses, seats.length)
  const groupOf = (use: number) => Math.min(use, groups - 1)
  const queues: Waiting[][] = Array.from({ length: groups }, () => [])
  const idleListeners: (() => void)[] = []
  let handedOut = 0
  let nextGroup = 0

  const free = () => seats.filter(({ takenBy }) => takenBy === null)
  const isTakenBy = (group: number) => seats.some(({ takenBy }) => takenBy === group)

  /** Whether a group may take a connection now: one is left for each other group that has none. */
  function mayTake(group: number): boolean {
    let kept = 0
    for (let other = 0; other < groups; other += 1) if (other !== group && !isTakenBy(other)) kept += 1
    return free().length > kept
  }

  /**
   * The connection that serves a group fastest: the last one of its own, because its plans are cached, or an open one.
   */
  function choose(group: number): Seat {
    const rank = ({ connection, lastUse }: Seat) => (connection.isOpen() ? (lastUse === group ? 2 : 1) : 0)
    const [best] = free().sort((a, b) => rank(b) - rank(a) || b.lastUsedAt - a.lastUsedAt)
    return best as Seat
  }

  function hand(group: number, { resolve }: Waiting): void {
    const seat = choose(group)
    seat.takenBy = group
    handedOut += 1
    Object.assign(seat, { lastUse: group, lastUsedAt: handedOut })
    let isGivenBack = false
    resolve({
      connection: seat.connection,
      giveBack() {
        if (isGivenBack) return
        isGivenBack = true
        seat.takenBy = null
        serve()
      },
    })
  }

  /** Hands out what is free, to the groups in turn. */
  function serve(): void {
    for (let tried = 0; tried < groups; ) {
      const group = nextGroup
      nextGroup = (nextGroup + 1) % groups
      const queue = queues[group] as Waiting[]
      if (queue.length > 0 && mayTake(group)) {
        hand(group, queue.shift() as Waiting)
        tried = 0
      } else tried += 1
    }
    if (free().length === seats.length && queues.every((queue) => queue.length === 0))
      for (const listener of idleListeners.splice(0)) listener()
  }

  return {
    take(use) {
      const queue = queues[groupOf(use)] as Waiting[]
      let waiting: Waiting | undefined
      const taken = new Promise<Taken>((resolve, reject) => {
        waiting = { resolve, reject }
        queue.push(waiting)
      })
      serve()
      return {
        taken,
        withdraw() {
          const index = queue.indexOf(waiting as Waiting)
          if (index >= 0) queue.splice(index, 1)
          else
            taken.then(
              ({ giveBack }) => giveBack(),
              () => {},
            )
        },
      }
    },
    most: () => seats.length - groups + 1,
    failWaiting(error) {
      for (const queue of queues) for (const { reject } of queue.splice(0)) reject(error)
    },
    hasOpen: () => seats.some(({ connection }) => connection.isOpen()),
    idle: () =>
      new Promise((resolve) => {
        idleListeners.push(resolve)
        serve()
      }),
  }
}
