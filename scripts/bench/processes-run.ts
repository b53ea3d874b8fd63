/** One of many processes: it has every contender on one connection, and sends the events that it was given. */
import { answerJob } from './child.ts'
import { CONTENDERS, type Contender, type ContenderName } from './contenders.ts'
import type { BenchEvent } from './events.ts'
import { send } from './measure.ts'

export type ProcessJob =
  /** Connects to the database at this address. */
  | { open: string }
  /** Keeps the events of the next runs. */
  | { load: BenchEvent[] }
  /** Sends them by this contender, one after the other. */
  | { run: ContenderName }

export type ProcessAnswer = { error?: string }

const contenders = new Map<ContenderName, Contender>()
let events: BenchEvent[] = []

async function work(job: ProcessJob): Promise<void> {
  if ('open' in job) {
    for (const name of Object.keys(CONTENDERS) as ContenderName[])
      contenders.set(name, await CONTENDERS[name]({ url: job.open, connections: 1 }))
  } else if ('load' in job) events = job.load
  else await send(contenders.get(job.run) as Contender, events, 1)
}

answerJob<ProcessJob, ProcessAnswer>(async (job) => {
  try {
    await work(job)
    return {}
  } catch (error) {
    const { message, cause } = error as Error
    return { error: `${message} ${(cause as Error | undefined)?.message ?? ''}`.trim() }
  }
})
