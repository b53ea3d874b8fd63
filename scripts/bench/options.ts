/** Reads and checks the options of the command line. */
import { parseArgs } from 'node:util'
import { GROWTH, type GrowthName } from './growth.ts'

export type BenchOptions = {
  /** Events per measurement. */
  events: number
  connections: number[]
  rounds: number
  /** Connections of each kind for the first events; 0 for none. */
  fresh: number
  /** Processes of one caller each; 0 for none. */
  processes: number
  /** Rounds of twenty events while one row is locked; 0 for none. */
  locked: number
  seed: number
  growth: GrowthName
  /** Events of the memory run; 0 for none. */
  memory: number
  /** Events of each kind to profile; 0 for none. */
  profile: number
  /** Only the floor. */
  floor: boolean
  /** Customers of the sync run; 0 for none. */
  sync: number
  json: boolean
  /** Minutes after which the run stops with an error. */
  minutes: number
}

export const USAGE = `npm run bench -- [options]

  --json               print the results as one line of JSON at the end
  --events <n>         events per measurement (default 1000)
  --connections <list> numbers of connections (default 1,16,32)
  --rounds <n>         number of rounds; their median counts (default 15)
  --fresh <n>          new connections for each kind of first event (default 15; 0 for none)
  --processes <n>      processes of one caller each (default 8; 0 for none)
  --locked <n>         rounds of 20 events while one row is locked (default 15; 0 for none)
  --seed <n>           seed of the events (default 1)
  --growth <size>      none, small (100,000 rows; default) or full (5,000,000 ledger rows, 1,000,000 transactions)
  --floor              only: compare with a handler whose database only writes the rows of an event
  --memory [n]         only: send n events (default 200,000) through one handler and sample its memory
  --profile [n]        only: profile n events (default 300) of each kind inside Postgres
  --sync [n]           only: sync n customers (default 50,000) from a local Stripe, twice, and sample the memory
  --minutes <n>        stop with an error after n minutes (default 40; 120 for full growth and for memory)`

/** Whether the error is about an unknown or malformed option. Its message is a sentence. */
export function isOptionError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'OptionError'
}

function optionError(message: string): Error {
  return Object.assign(new Error(message), { name: 'OptionError' })
}

export function readOptions(args: string[]): BenchOptions {
  const { memory, profile, sync, rest } = takeOptional(args)
  const { values } = parse(rest)
  const growth = values.growth ?? 'small'
  if (!(growth in GROWTH)) throw optionError(`--growth must be one of ${Object.keys(GROWTH).join(', ')}.`)
  const connections = (values.connections ?? '1,16,32')
    .split(',')
    .map((text) => whole('connections', text, 1, 100))
  return {
    events: whole('events', values.events ?? '1000', 1, 1_000_000),
    connections: [...new Set(connections)],
    rounds: whole('rounds', values.rounds ?? '15', 1, 1000),
    fresh: whole('fresh', values.fresh ?? '15', 0, 1000),
    processes: whole('processes', values.processes ?? '8', 0, 64),
    locked: whole('locked', values.locked ?? '15', 0, 1000),
    seed: whole('seed', values.seed ?? '1', 0, 4_294_967_295),
    growth: growth as GrowthName,
    memory: memory === undefined ? 0 : whole('memory', memory || '200000', 8, 100_000_000),
    profile: profile === undefined ? 0 : whole('profile', profile || '300', 1, 10_000),
    sync: sync === undefined ? 0 : whole('sync', sync || '50000', 1, 1_000_000),
    floor: values.floor ?? false,
    json: values.json ?? false,
    minutes: whole(
      'minutes',
      values.minutes ?? (growth === 'full' || memory !== undefined ? '120' : '40'),
      1,
      1440,
    ),
  }
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        json: { type: 'boolean' },
        floor: { type: 'boolean' },
        events: { type: 'string' },
        connections: { type: 'string' },
        rounds: { type: 'string' },
        fresh: { type: 'string' },
        processes: { type: 'string' },
        locked: { type: 'string' },
        seed: { type: 'string' },
        growth: { type: 'string' },
        minutes: { type: 'string' },
      },
    })
  } catch (error) {
    throw optionError((error as Error).message)
  }
}

type Optional = 'memory' | 'profile' | 'sync'

/** Takes out `--memory`, `--profile` and `--sync`, whose number is optional. */
function takeOptional(args: string[]): { [Name in Optional]?: string } & { rest: string[] } {
  const found: { [Name in Optional]?: string } = {}
  const rest: string[] = []
  for (let index = 0; index < args.length; index += 1) {
    const [, name, value] = /^--(memory|profile|sync)(?:=(.*))?$/.exec(args[index] as string) ?? []
    if (name === undefined) {
      rest.push(args[index] as string)
      continue
    }
    const following = args[index + 1]
    const isNumber = value === undefined && following !== undefined && /^\d+$/.test(following)
    found[name as Optional] = value ?? (isNumber ? following : '')
    if (isNumber) index += 1
  }
  return { ...found, rest }
}

function whole(name: string, text: string, low: number, high: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < low || value > high) {
    throw optionError(`--${name} must be made of whole numbers from ${low} to ${high}.`)
  }
  return value
}
