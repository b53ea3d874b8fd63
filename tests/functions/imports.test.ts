/** What the handlers load, read from their source: they must start fast on an edge runtime, and run there at all. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
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
    expect(packages('app.ts')).toEqual(['hono', 'hono/cors', 'postgres', 'zod'])
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
