import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const require = createRequire(import.meta.url)

/** The binary of the npm package `deno`; that of its platform package where install scripts did not run. */
export function denoBinary(): string {
  const directory = dirname(require.resolve('deno/package.json'))
  const name = process.platform === 'win32' ? 'deno.exe' : 'deno'
  const platforms = join(directory, '..', '@deno')
  const places = [directory, ...readdirSync(platforms).map((platform) => join(platforms, platform))]
  const binary = places.map((place) => join(place, name)).find((path) => existsSync(path))
  if (!binary) throw new Error('The npm package `deno` has no binary for this machine; run `npm ci` again.')
  return binary
}
