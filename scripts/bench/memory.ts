/** Sends many events through one handler and samples the memory of the process, to show whether it stays flat. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { CONTENDERS } from './contenders.ts'
import type { EventStream } from './events.ts'
import { median, send } from './measure.ts'
import type { BenchServer } from './server.ts'

const MEGABYTE_BYTES = 1024 * 1024
const EVENTS_PER_SAMPLE_MAX = 10_000
const SAMPLES_MIN = 8
/** The harness holds no more events than these in memory. */
const EVENTS_PER_CHUNK_MAX = 1000

export type MemorySample = { events: number; rssMb: number; heapMb: number; externalMb: number }

export type Memory = {
  samples: MemorySample[]
  /** Median of the last quarter of the samples less that of the second quarter, in MB. */
  growthMb: { rss: number; heap: number }
}

export async function measureMemory(
  server: BenchServer,
  stream: EventStream,
  { events, connections, log }: { events: number; connections: number; log: (line: string) => void },
): Promise<Memory> {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const handler = await CONTENDERS.handler({ url: await server.createDatabase('memory'), connections })
  const samples: MemorySample[] = []
  const step = Math.min(EVENTS_PER_SAMPLE_MAX, Math.max(1, Math.floor(events / SAMPLES_MIN)))
  try {
    for (let sent = 0; sent < events; ) {
      const until = Math.min(sent + step, events)
      while (sent < until) {
        const slice = stream.take(Math.min(EVENTS_PER_CHUNK_MAX, until - sent))
        await send(handler, slice, connections)
        sent += slice.length
      }
      collectGarbage()
      const { rss, heapUsed, external } = process.memoryUsage()
      const sample = {
        events: sent,
        rssMb: Math.round(rss / MEGABYTE_BYTES),
        heapMb: Math.round((heapUsed / MEGABYTE_BYTES) * 10) / 10,
        externalMb: Math.round((external / MEGABYTE_BYTES) * 10) / 10,
      }
      samples.push(sample)
      log(
        `${sent} events: RSS ${sample.rssMb} MB, heap ${sample.heapMb} MB, external ${sample.externalMb} MB`,
      )
    }
  } finally {
    await handler.close()
  }
  const quarter = (number: number, of: (sample: MemorySample) => number) => {
    const size = Math.max(1, Math.floor(samples.length / 4))
    return median(samples.slice(number * size, number === 3 ? undefined : (number + 1) * size).map(of))
  }
  const growth = (of: (sample: MemorySample) => number) =>
    samples.length < 4 ? 0 : Math.round((quarter(3, of) - quarter(1, of)) * 10) / 10
  return { samples, growthMb: { rss: growth((s) => s.rssMb), heap: growth((s) => s.heapMb) } }
}
