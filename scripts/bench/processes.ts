/**
 * Compares the contenders in many processes of one caller each, as on an edge platform: no two events share a call. The
 * sync engine and the bare insert have as many processes. All processes work for one contender at a time.
 */
import { type Child, startChild } from './child.ts'
import { type ContenderName, prepareBareLimit, prepareSyncEngine } from './contenders.ts'
import { withCpu } from './cpu.ts'
import type { EventStream } from './events.ts'
import { median, medianOrNull } from './measure.ts'
import type { ProcessAnswer, ProcessJob } from './processes-run.ts'
import { type BenchServer, connect } from './server.ts'

const NAMES = ['bare_limit', 'handler', 'sync_engine'] as const satisfies ContenderName[]

export type Processes = {
  processes: number
  perSecond: Record<ContenderName, number>
  ratios: Record<Exclude<ContenderName, 'handler'>, number>
  /** Microseconds of the backends for each event. */
  cpuUs: Record<ContenderName, number | null>
}

export type ProcessesOptions = {
  server: BenchServer
  stream: EventStream
  processes: number
  /** Events of a round, for all processes together. */
  events: number
  rounds: number
  /** Run in the database before anything is measured. */
  prepareSql?: string
  log: (line: string) => void
}

type Round = { perSecond: number; cpuUs: number | null }

export async function measureProcesses(options: ProcessesOptions): Promise<Processes> {
  const { server, stream, processes, events, rounds, prepareSql, log } = options
  const url = await server.createDatabase('processes')
  await prepareBareLimit(url)
  await prepareSyncEngine(url)
  const watcher = connect(url)
  if (prepareSql !== undefined) await watcher.unsafe(prepareSql)
  const children: Child<ProcessAnswer>[] = []
  const measured: Record<ContenderName, Round>[] = []
  try {
    for (let i = 0; i < processes; i += 1)
      children.push(await startChild<ProcessJob, ProcessAnswer>('processes-run.ts', { open: url }))
    for (let round = -1; round < rounds; round += 1) {
      const shares = split(stream.take(Math.max(events, processes)), processes)
      await each(children, (index) => ({ load: shares[index] ?? [] }))
      const found = {} as Record<ContenderName, Round>
      for (let turn = 0; turn < NAMES.length; turn += 1) {
        const name = NAMES[(round + 1 + turn) % NAMES.length] as ContenderName
        found[name] = await run(watcher, children, name, shares.flat().length)
      }
      // The first round warms up.
      if (round < 0) {
        await server.checkpoint()
        continue
      }
      measured.push(found)
      log(
        `${processes} processes, round ${round + 1}: ` +
          NAMES.map((name) => `${name} ${Math.round(found[name].perSecond)}/s`).join(', '),
      )
    }
  } finally {
    await Promise.all(children.map((child) => child.stop()))
    await watcher.end()
  }
  return summary(processes, measured)
}

const each = (children: Child<ProcessAnswer>[], jobOf: (index: number) => ProcessJob) =>
  Promise.all(children.map((child, index) => child.ask<ProcessJob, ProcessAnswer>(jobOf(index))))

async function run(
  watcher: ReturnType<typeof connect>,
  children: Child<ProcessAnswer>[],
  name: ContenderName,
  events: number,
): Promise<Round> {
  const { result: seconds, cpuMs } = await withCpu(watcher, async () => {
    const begin = performance.now()
    const answers = await each(children, () => ({ run: name }))
    const failed = answers.find(({ error }) => error !== undefined)
    if (failed) throw new Error(failed.error)
    return (performance.now() - begin) / 1000
  })
  return { perSecond: events / seconds, cpuUs: cpuMs === null ? null : (cpuMs * 1000) / events }
}

/** Divides events among the processes in turn. */
function split<T>(items: T[], count: number): T[][] {
  const shares: T[][] = Array.from({ length: count }, () => [])
  for (const [index, item] of items.entries()) shares[index % count]?.push(item)
  return shares
}

function summary(processes: number, rounds: Record<ContenderName, Round>[]): Processes {
  const all = <T>(of: (name: ContenderName) => T) =>
    Object.fromEntries(NAMES.map((name) => [name, of(name)])) as Record<ContenderName, T>
  const ratio = (to: ContenderName) =>
    median(rounds.map((round) => round.handler.perSecond / round[to].perSecond))
  return {
    processes,
    perSecond: all((name) => median(rounds.map((round) => round[name].perSecond))),
    ratios: { bare_limit: ratio('bare_limit'), sync_engine: ratio('sync_engine') },
    cpuUs: all((name) => medianOrNull(rounds.map((round) => round[name].cpuUs))),
  }
}
