/** Runs the chosen measurements on one Postgres, and removes that Postgres afterwards. */
import { arch, cpus, platform } from 'node:os'
import { type Compared, compare } from './compare.ts'
import { SYNC_ENGINE_SETTINGS } from './contenders.ts'
import { API_VERSION, createEventStream, MIX } from './events.ts'
import { type FirstEvents, measureFirstEvents } from './first-event.ts'
import { type Floor, measureFloor } from './floor.ts'
import { GROWTH, type Grown, measureGrowth } from './growth.ts'
import { type Locked, measureLocked } from './locked.ts'
import { rounded } from './measure.ts'
import { type Memory, measureMemory } from './memory.ts'
import type { BenchOptions } from './options.ts'
import { measureProcesses, type Processes } from './processes.ts'
import { type Profile, profile } from './profile.ts'
import { countRoundTrips, type RoundTrips } from './round-trips.ts'
import { startServer } from './server.ts'
import { measureSync, type Synced, type SyncRound } from './sync.ts'

export type BenchResult = {
  options: BenchOptions
  config: Record<string, unknown>
  compared: Compared[]
  firstEvents: FirstEvents | null
  processes: Processes | null
  locked: Locked | null
  roundTrips: RoundTrips | null
  growth: Grown[]
  memory: Memory | null
  profile: Profile[]
  sync: Synced | null
  floor: Floor | null
}

/** Size of the profiled database: large enough for the planner to prefer indexes. */
const PROFILE_TRANSACTIONS = 100_000
/** Connections of the measurements that use one size only. */
const CONNECTIONS_MAX = 16
/** Each round of the growth sends all events to two databases. */
const GROWTH_ROUNDS_MAX = 5
/** A round trip count needs few events. */
const ROUND_TRIP_EVENTS_MAX = 400

export async function runBench(options: BenchOptions, log: (line: string) => void): Promise<BenchResult> {
  const profiling = options.profile > 0
  const server = await startServer({ profile: profiling })
  const stream = createEventStream(options.seed)
  const result: BenchResult = {
    options,
    config: config(options, server.settings),
    compared: [],
    firstEvents: null,
    processes: null,
    locked: null,
    roundTrips: null,
    growth: [],
    memory: null,
    profile: [],
    sync: null,
    floor: null,
  }
  const connections = Math.min(CONNECTIONS_MAX, Math.max(...options.connections))
  try {
    if (profiling) {
      result.profile = await profile(server, stream, {
        events: options.profile,
        transactions: PROFILE_TRANSACTIONS,
      })
      return result
    }
    if (options.memory > 0) {
      result.memory = await measureMemory(server, stream, {
        events: options.memory,
        connections,
        log,
      })
      return result
    }
    if (options.floor) {
      result.floor = await measureFloor(server, stream, { ...options, log })
      return result
    }
    if (options.sync > 0) {
      result.sync = await measureSync(server, { customers: options.sync, log })
      return result
    }
    result.roundTrips = await countRoundTrips(server, stream, Math.min(options.events, ROUND_TRIP_EVENTS_MAX))
    const { url, results } = await compare({ server, stream, ...options, log })
    result.compared = results
    const { fresh, processes, locked, rounds } = options
    if (fresh > 0) {
      result.firstEvents = await measureFirstEvents(server, stream, { url, connections: fresh, log })
    }
    if (processes > 0) {
      const events = createEventStream(options.seed + 2)
      result.processes = await measureProcesses({ ...options, server, stream: events, processes, log })
    }
    if (locked > 0) result.locked = await measureLocked(server, stream, { rounds: locked, log })
    result.growth = await measureGrowth({
      server,
      stream: createEventStream(options.seed + 1),
      sizes: GROWTH[options.growth],
      events: options.events,
      rounds: Math.min(rounds, GROWTH_ROUNDS_MAX),
      connections,
      log,
    })
    return result
  } finally {
    await server.stop()
  }
}

function config(options: BenchOptions, settings: Record<string, string>): Record<string, unknown> {
  const { events, rounds, fresh, seed, connections } = options
  return {
    postgres: settings,
    node: process.version,
    machine: `${platform()} ${arch()}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    events,
    rounds,
    fresh,
    seed,
    connections,
    mix: MIX,
    api_version: API_VERSION,
    bare_limit: 'insert into (id text primary key, payload jsonb, received_at), prepared, postgres.js',
    sync_engine: {
      ...SYNC_ENGINE_SETTINGS,
      version: '0.48.5',
      checkout_line_items: 'answered at once, in process, one item',
    },
  }
}

/** The results as `--json` prints them. */
export function toJson(result: BenchResult) {
  const { compared, firstEvents, growth, locked, memory, processes, roundTrips, sync, floor, config } = result

  if (sync) {
    return { sync: { customers: sync.customers, first: roundOf(sync.first), second: roundOf(sync.second) } }
  }
  if (floor) return { floor: floorOf(floor) }
  const byConnections = <T>(of: (one: Compared) => T) =>
    Object.fromEntries(compared.map((one) => [String(one.connections), of(one)]))
  return {
    ratios: {
      bare_limit: byConnections(({ ratios }) => rounded(ratios.bare_limit)),
      sync_engine: byConnections(({ ratios }) => rounded(ratios.sync_engine)),
    },
    latency_ms: byConnections(({ latency: { handler } }) => ({
      p50: rounded(handler.p50),
      p99: rounded(handler.p99),
    })),
    growth: {
      rows: growth.map(({ size }) => size.ledger),
      ratio_to_empty: growth.map(({ ratio }) => rounded(ratio)),
      by_type: growth.map(({ byKind }) =>
        Object.fromEntries(Object.entries(byKind).map(([kind, ratio]) => [kind, rounded(ratio)])),
      ),
    },
    cpu_us: byConnections(({ cpuUs }) => roundedAll(cpuUs, 0)),
    first_event_ms: firstEvents && roundedAll(firstEvents.first, 1),
    later_event_ms: firstEvents && roundedAll(firstEvents.later, 1),
    processes: processes && processesOf(processes),
    locked_row: locked && {
      events: locked.events,
      usual_ms: rounded(locked.usualMs, 1),
      locked_ms: rounded(locked.lockedMs, 1),
      ratio: rounded(locked.ratio),
    },
    round_trips_per_event: roundTrips && rounded(roundTrips.alone, 3),
    ...(memory && { memory }),
    events_per_second: byConnections(({ perSecond }) =>
      Object.fromEntries(Object.entries(perSecond).map(([name, value]) => [name, Math.round(value)])),
    ),
    config,
  }
}

const roundedAll = <Name extends string>(values: Record<Name, number | null>, digits?: number) =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      value === null ? null : rounded(value as number, digits),
    ]),
  )

const processesOf = ({ processes, ratios, perSecond, cpuUs }: Processes) => ({
  processes,
  ratios: roundedAll(ratios),
  events_per_second: roundedAll(perSecond, 0),
  cpu_us: roundedAll(cpuUs, 0),
})

function floorOf({ compared, processes, firstEvents }: Floor) {
  const at = <T>(of: (one: Floor['compared'][number]) => T) =>
    Object.fromEntries(compared.map((one) => [String(one.connections), of(one)]))
  return {
    ratios_of_bare_limit: at(({ ratios }) => roundedAll(ratios.bare_limit)),
    ratios_of_sync_engine: at(({ ratios }) => roundedAll(ratios.sync_engine)),
    cpu_us: at(({ cpuUs }) => roundedAll(cpuUs, 0)),
    processes: processes && processesOf(processes),
    first_event_ms:
      firstEvents &&
      Object.fromEntries(
        Object.entries(firstEvents).map(([name, { first }]) => [name, roundedAll(first, 1)]),
      ),
  }
}

function roundOf({ perSecond, peakRssMb, peakHeapMb }: SyncRound) {
  return { objects_per_second: Math.round(perSecond), peak_rss_mb: peakRssMb, peak_heap_mb: peakHeapMb }
}
