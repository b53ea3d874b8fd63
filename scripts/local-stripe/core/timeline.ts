/** Time in one account: the present, test clocks and planned work. Moments are seconds since 1970. */
import type { Store } from './store.ts'

export interface Timeline {
  /** The present, on the test clock of the customer if it has one. */
  now(customer?: string | null): number
  /** Moves the time of everything without a test clock, and runs the work that becomes due on the way. */
  advance(seconds: number): void
  /** Moves a test clock, and runs the work of its customers that becomes due on the way. */
  advanceClock(clock: string, to: number): void
  /** Runs the work that is due by now. */
  tick(): void
  /** Plans a task for an object. It replaces the same task of that object; `at` null only removes that. */
  schedule(task: TaskName, id: string, customer: string | null, at: number | null): void
  /** Names what a task does to the object of an id. */
  onDue(task: TaskName, run: (id: string) => void): void
  /** When the next planned work without a test clock is due. */
  nextDue(): number | null
  /** How far this timeline is ahead of the machine's clock, and the planned work. */
  timelineState(): TimelineState
  restoreTimeline(state: TimelineState): void
}

/**
 * What can be planned, each for one object. Tasks have names instead of functions, so that planned work can be saved.
 */
export type TaskName =
  | 'settlePayment'
  | 'failRefund'
  | 'expireSession'
  | 'renewSubscription'
  | 'expireSubscription'
  | 'cancelSubscription'
  | 'resumeSubscription'
  | 'warnOfTrialEnd'
  | 'finalizeInvoice'
  | 'collectInvoice'
  | 'nextSchedulePhase'
  | 'expireAuthorization'

/** The state of a timeline, as it is saved. */
export interface TimelineState {
  offset: number
  order: number
  tasks: Map<string, Task>
}

interface Task {
  name: TaskName
  id: string
  at: number
  clock: string | null
  /** Of two tasks that are due at once, the one planned first runs first; see `FIRST`. */
  order: number
}

/** Runs before everything else that is due at once: the renewal bills what the new phase says. */
const FIRST: TaskName = 'nextSchedulePhase'

/**
 * Makes a timeline without planned work.
 * @param outsideRequests runs planned work, which no request causes
 */
export function createTimeline(
  store: Store,
  wallClock: () => Date,
  outsideRequests: (work: () => void) => void,
): Timeline {
  const tasks = new Map<string, Task>()
  const runs = new Map<TaskName, (id: string) => void>()
  let offset = 0
  /** The present while planned work runs: the moment at which it was due. */
  let moment: number | null = null
  let order = 0

  const present = (): number => moment ?? Math.floor(wallClock().getTime() / 1000) + offset

  const clockOf = (customer: string | null | undefined): string | null =>
    (customer && store.get('customer', customer)?.test_clock) || null

  /** Runs the tasks of a clock that are due by `until`, including those that are planned meanwhile. */
  const runDue = (clock: string | null, until: number, enter: (at: number) => void): void => {
    outsideRequests(() => {
      try {
        for (let key = earliest(tasks, clock, until); key !== null; key = earliest(tasks, clock, until)) {
          const task = tasks.get(key) as Task
          tasks.delete(key)
          enter(task.at)
          runs.get(task.name)?.(task.id)
        }
      } finally {
        moment = null
      }
    })
  }

  return {
    now(customer) {
      const clock = clockOf(customer)
      return clock ? store.require('test_helpers.test_clock', clock).frozen_time : present()
    },

    advance(seconds) {
      const until = present() + seconds
      runDue(null, until, (at) => {
        moment = Math.max(at, until - seconds)
      })
      offset += seconds
    },

    advanceClock(id, to) {
      const clock = store.require('test_helpers.test_clock', id)
      runDue(id, to, (at) => {
        clock.frozen_time = Math.max(at, clock.frozen_time)
      })
      clock.frozen_time = to
    },

    tick() {
      const until = present()
      if (earliest(tasks, null, until) === null) return
      runDue(null, until, (at) => {
        moment = at
      })
    },

    schedule(name, id, customer, at) {
      const key = `${name} ${id}`
      if (at === null) tasks.delete(key)
      else {
        order += 1
        tasks.set(key, { at, clock: clockOf(customer), order, name, id })
      }
    },

    onDue: (task, run) => void runs.set(task, run),

    nextDue() {
      const key = earliest(tasks, null, Number.POSITIVE_INFINITY)
      return key === null ? null : (tasks.get(key)?.at ?? null)
    },

    timelineState: () => ({ offset, order, tasks: new Map(tasks) }),
    restoreTimeline(state) {
      offset = state.offset
      order = state.order
      tasks.clear()
      for (const [key, task] of state.tasks) tasks.set(key, task)
    },
  }
}

const isBefore = (task: Task, other: Task) =>
  (task.name === FIRST) === (other.name === FIRST) ? task.order < other.order : task.name === FIRST

/** The key of a clock's task that is due first, if one is due by `until`. */
function earliest(tasks: Map<string, Task>, clock: string | null, until: number): string | null {
  let found: string | null = null
  let best: Task | null = null
  for (const [key, task] of tasks) {
    if (task.clock !== clock || task.at > until) continue
    if (!best || task.at < best.at || (task.at === best.at && isBefore(task, best))) {
      best = task
      found = key
    }
  }
  return found
}
