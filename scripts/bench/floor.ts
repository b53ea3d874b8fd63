/**
 * How near the handler could come to the bare limit and to the sync engine with these tables. It runs the same handler
 * against databases whose functions only write the rows of an event, or only read and write; see `floor-sql.ts`.
 */
import { CONTENDERS, type Contender, prepareBareLimit, prepareSyncEngine } from './contenders.ts'
import { withCpu } from './cpu.ts'
import type { EventStream } from './events.ts'
import { type FirstEvents, measureFirstEvents } from './first-event.ts'
import { floorSql } from './floor-sql.ts'
import { type Measurement, median, medianOrNull, send } from './measure.ts'
import { measureProcesses, type Processes } from './processes.ts'
import { type BenchServer, connect } from './server.ts'

const FLOORS = {
  public_floor: floorSql({ reads: false, writesObjects: false }),
  floor: floorSql({ reads: false, writesObjects: true }),
  reading_floor: floorSql({ reads: true, writesObjects: true }),
}
type FloorName = keyof typeof FLOORS
const FLOOR_NAMES = Object.keys(FLOORS) as FloorName[]
const OURS = ['handler', 'public_floor', 'floor', 'reading_floor'] as const
const NAMES = ['bare_limit', ...OURS, 'sync_engine'] as const
type Name = (typeof NAMES)[number]
type Ours = (typeof OURS)[number]

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
  firstEvents: Record<FloorName, FirstEvents> | null
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
  await prepareBareLimit(url)
  await prepareSyncEngine(url)
  const floorUrls = await forEachFloor((name) => floorDatabase(server, name))
  const watcher = connect(url)
  const watchers = {
    bare_limit: watcher,
    handler: watcher,
    sync_engine: watcher,
    ...(await forEachFloor((name) => connect(floorUrls[name]))),
  }
  const compared: FloorAt[] = []
  for (const connections of options.connections) {
    const contenders: Record<Name, Contender> = {
      bare_limit: await CONTENDERS.bare_limit({ url, connections }),
      handler: await CONTENDERS.handler({ url, connections }),
      ...(await forEachFloor((name) => CONTENDERS.handler({ url: floorUrls[name], connections }))),
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
    fresh > 0
      ? await forEachFloor((name) =>
          measureFirstEvents(server, stream, { url: floorUrls[name], connections: fresh, log }),
        )
      : null
  for (const sql of new Set(Object.values(watchers))) await sql.end()
  const inProcesses =
    processes > 0 ? await measureProcesses({ ...options, server, stream, prepareSql: FLOORS.floor }) : null
  return { compared, processes: inProcesses, firstEvents }
}

/** One after the other, so that no measurement disturbs another one. */
async function forEachFloor<T>(make: (name: FloorName) => T | Promise<T>): Promise<Record<FloorName, T>> {
  const made: [FloorName, T][] = []
  for (const name of FLOOR_NAMES) made.push([name, await make(name)])
  return Object.fromEntries(made) as Record<FloorName, T>
}

async function floorDatabase(server: BenchServer, name: FloorName): Promise<string> {
  const url = await server.createDatabase(name)
  await prepareBareLimit(url)
  const sql = connect(url)
  await sql.unsafe(FLOORS[name])
  await sql.end()
  return url
}

function summary(connections: number, events: number, rounds: Record<Name, Round>[]): FloorAt {
  const ratio = (ours: Ours, to: Name) =>
    median(rounds.map((round) => round[ours].perSecond / round[to].perSecond))
  const all = (to: Name) =>
    Object.fromEntries(OURS.map((ours) => [ours, ratio(ours, to)])) as Record<Ours, number>
  const cpuUs = (name: Name) => {
    const ms = medianOrNull(rounds.map((round) => round[name].cpuMs))
    return ms === null ? null : (ms * 1000) / events
  }
  return {
    connections,
    ratios: { bare_limit: all('bare_limit'), sync_engine: all('sync_engine') },
    cpuUs: Object.fromEntries(NAMES.map((name) => [name, cpuUs(name)])) as FloorAt['cpuUs'],
  }
}
