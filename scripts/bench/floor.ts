/**
 * How near the handler could come to the bare limit and to the sync engine with these tables. It runs the same handler
 * against a database whose functions only write the rows of an event; see `floor-sql.ts`.
 */
import { CONTENDERS, type Contender, prepareBareLimit, prepareSyncEngine } from './contenders.ts'
import { withCpu } from './cpu.ts'
import type { EventStream } from './events.ts'
import { type FirstEvents, measureFirstEvents } from './first-event.ts'
import { FLOOR_SQL } from './floor-sql.ts'
import { type Measurement, median, medianOrNull, send } from './measure.ts'
import { measureProcesses, type Processes } from './processes.ts'
import { type BenchServer, connect } from './server.ts'

const NAMES = ['bare_limit', 'handler', 'floor', 'sync_engine'] as const
type Name = (typeof NAMES)[number]
type Ours = 'handler' | 'floor'

export type FloorAt = {
  connections: number
  /** Events per second, divided by those of the bare limit, and by those of the sync engine. */
  ratios: Record<'bare_limit' | 'sync_engine', Record<Ours, number>>
  /** Microseconds of the backends for each event. */
  cpuUs: Record<Name, number | null>
}

export type Floor = {
  compared: FloorAt[]
  /** The floor in many processes; it has the name of the handler. */
  processes: Processes | null
  firstEvents: FirstEvents | null
}

type Round = Measurement & { cpuMs: number | null }

export async function measureFloor(
  server: BenchServer,
  stream: EventStream,
  options: {
    events: number
    rounds: number
    connections: number[]
    processes: number
    fresh: number
    log(line: string): void
  },
): Promise<Floor> {
  const { events, rounds, processes, fresh, log } = options
  const url = await server.createDatabase('bench')
  const floorUrl = await server.createDatabase('floor')
  await prepareBareLimit(url)
  await prepareSyncEngine(url)
  await prepareBareLimit(floorUrl)
  const sql = connect(floorUrl)
  await sql.unsafe(FLOOR_SQL)
  const watcher = connect(url)
  const watchers = { bare_limit: watcher, handler: watcher, sync_engine: watcher, floor: sql }
  const compared: FloorAt[] = []
  for (const connections of options.connections) {
    const contenders: Record<Name, Contender> = {
      bare_limit: await CONTENDERS.bare_limit({ url, connections }),
      handler: await CONTENDERS.handler({ url, connections }),
      floor: await CONTENDERS.handler({ url: floorUrl, connections }),
      sync_engine: await CONTENDERS.sync_engine({ url, connections }),
    }
    const measured: Record<Name, Round>[] = []
    // The first round warms up.
    for (let round = 0; round <= rounds; round += 1) {
      const slice = stream.take(events)
      const found = {} as Record<Name, Round>
      for (let turn = 0; turn < NAMES.length; turn += 1) {
        const name = NAMES[(round + turn) % NAMES.length] as Name
        const { result, cpuMs } = await withCpu(watchers[name], () =>
          send(contenders[name], slice, connections),
        )
        found[name] = { ...result, cpuMs }
      }
      if (round > 0) measured.push(found)
      log(`floor: ${connections} connections, round ${round} of ${rounds}`)
    }
    compared.push(summary(connections, events, measured))
    for (const contender of Object.values(contenders)) await contender.close()
  }
  const firstEvents =
    fresh > 0 ? await measureFirstEvents(server, stream, { url: floorUrl, connections: fresh, log }) : null
  await watcher.end()
  await sql.end()
  const inProcesses =
    processes > 0 ? await measureProcesses({ ...options, server, stream, prepareSql: FLOOR_SQL }) : null
  return { compared, processes: inProcesses, firstEvents }
}

function summary(connections: number, events: number, rounds: Record<Name, Round>[]): FloorAt {
  const ratio = (ours: Ours, to: Name) =>
    median(rounds.map((round) => round[ours].perSecond / round[to].perSecond))
  const both = (to: Name) => ({ handler: ratio('handler', to), floor: ratio('floor', to) })
  const cpuUs = (name: Name) => {
    const ms = medianOrNull(rounds.map((round) => round[name].cpuMs))
    return ms === null ? null : (ms * 1000) / events
  }
  return {
    connections,
    ratios: { bare_limit: both('bare_limit'), sync_engine: both('sync_engine') },
    cpuUs: Object.fromEntries(NAMES.map((name) => [name, cpuUs(name)])) as FloorAt['cpuUs'],
  }
}
