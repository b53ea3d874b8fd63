/** What the handlers load, read from their source. They must start fast on an edge runtime, and run there at all. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build, type Metafile } from 'esbuild'
import { describe, expect, it } from 'vitest'

const functions = new URL('../../functions/', import.meta.url)

/** Every module that a file loads at its start, following relative imports; types are gone by then. */
function loaded(entry: string, seen = new Set<string>()): Set<string> {
  const url = new URL(entry, functions)
  if (seen.has(fileURLToPath(url))) return seen
  seen.add(fileURLToPath(url))
  const source = readFileSync(url, 'utf8')
  for (const [, types, specifier = ''] of source.matchAll(
    /^(?:import|export)\s+(type\s)?[^;'"]*?from\s+'([^']+)'/gms,
  )) {
    if (types) continue
    if (specifier.startsWith('.')) loaded(fileURLToPath(new URL(specifier, url)), seen)
    else seen.add(specifier)
  }
  return seen
}

const packages = (entry: string) => [...loaded(entry)].filter((name) => !name.startsWith('/')).sort()

describe('the app', () => {
  it('loads neither the Stripe SDK nor the token library before it needs them', () => {
    expect(packages('app.ts')).toEqual(['hono', 'hono/cors', 'postgres', 'valibot'])
  })

  it.each(['deno.ts', 'worker.ts'])('loads nothing of Node from %s', (entry) => {
    expect(packages(entry)).toEqual(packages('app.ts'))
  })

  it('loads what is of Node from the entry for Node only', () => {
    expect(packages('node.ts')).toEqual(['@hono/node-server', ...packages('app.ts')].sort())
  })

  it('loads nothing of the dashboard before it is opened, and no file of it with its session', () => {
    const ofDashboard = (entry: string) => [...loaded(entry)].filter((name) => name.includes('/dashboard'))
    for (const entry of ['app.ts', 'node.ts', 'deno.ts', 'worker.ts', 'admin/index.ts'])
      expect(ofDashboard(entry).filter((name) => !name.endsWith('/schemas.ts'))).toEqual([])
    expect(ofDashboard('app.ts')).toEqual([])
    expect(ofDashboard('dashboard-server/index.ts').map((name) => name.split('/').pop())).not.toContain(
      'built.ts',
    )
  })

  it('knows the runtime in one file only, besides the entries', () => {
    const entries = ['node.ts', 'deno.ts', 'worker.ts'].map((entry) =>
      fileURLToPath(new URL(entry, functions)),
    )
    const knowing = [
      ...new Set(['app.ts', 'node.ts', 'deno.ts', 'worker.ts'].flatMap((entry) => [...loaded(entry)])),
    ]
      .filter((name) => name.startsWith('/') && !entries.includes(name))
      .filter((name) => /\bprocess\.|\bDeno\b|\bBun\b|'node:/.test(readFileSync(name, 'utf8')))
    expect(knowing).toEqual([fileURLToPath(new URL('core/runtime.ts', functions))])
  })
})

const KILOBYTE_BYTES = 1000
const WEBHOOK_BYTES_MAX = 150 * KILOBYTE_BYTES

/** What an edge platform makes of an entry, and which of that it loads at the start: not what is imported later. */
async function bundled(entry: string): Promise<{ bytes: number; inputs: string[] }> {
  const { metafile } = await build({
    entryPoints: [fileURLToPath(new URL(entry, functions))],
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    external: ['cloudflare:*'],
    metafile: true,
    write: false,
    outdir: 'bundled',
  })
  const [start] =
    Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint?.endsWith(entry)) ?? []
  const chunks = loadedChunks(metafile, start as string)
  return {
    bytes: chunks.reduce((sum, { bytes }) => sum + bytes, 0),
    inputs: chunks.flatMap(({ inputs }) =>
      Object.entries(inputs)
        .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
        .map(([input]) => input),
    ),
  }
}

type Chunk = Metafile['outputs'][string]

function loadedChunks({ outputs }: Metafile, start: string, seen = new Set<string>()): Chunk[] {
  const chunk = outputs[start]
  if (chunk === undefined || seen.has(start)) return []
  seen.add(start)
  const imported = chunk.imports.filter(({ kind }) => kind === 'import-statement')
  return [chunk, ...imported.flatMap(({ path }) => loadedChunks({ outputs } as Metafile, path, seen))]
}

describe('the bundle of an edge platform', () => {
  it.each(['app.ts', 'deno.ts', 'worker.ts'])('loads at most 150 KB for a webhook from %s', async (entry) => {
    const { bytes } = await bundled(entry)
    expect(bytes).toBeLessThanOrEqual(WEBHOOK_BYTES_MAX)
    expect(bytes).toBeGreaterThan(WEBHOOK_BYTES_MAX / 5) // it holds the handlers
  })

  it('holds for a webhook three packages, and no schema, token or answer of another route', async () => {
    const { inputs } = await bundled('app.ts')
    const packagesIn = inputs.map((input) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1])
    expect([...new Set(packagesIn)].filter(Boolean).sort()).toEqual(['hono', 'postgres', 'valibot'])
    const forbidden =
      /schemas\.ts|schema-parts\.ts|validation\.ts|core\/(present|auth|stripe|reads)\.ts|functions\/(admin|catalog|checkout|connection|lists|sync)\/|hono\/dist\/(middleware\/(?!cors)|jsx|validator|client)/
    expect(inputs.filter((input) => forbidden.test(input))).toEqual([])
    expect(inputs.some((input) => input.endsWith('functions/events/webhook.ts'))).toBe(true)
  })
})
