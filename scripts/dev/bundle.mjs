/**
 * Bundles the handlers and all that they use into single files, for Deno and for platforms that read no registry. It
 * runs after the compiler, over what that has built:
 *
 *     node scripts/dev/bundle.mjs [dist]
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const dist = resolve(process.argv[2] ?? 'dist')

/** Deno knows what is of Node by this prefix alone. */
const nodePrefix = {
  name: 'node-prefix',
  setup({ onResolve }) {
    onResolve({ filter: /^[a-z_/]+$/ }, ({ path }) =>
      builtinModules.includes(path) ? { path: `node:${path}`, external: true } : undefined,
    )
  },
}

// The compiler prints JSON with its spaces, of which the handlers need none.
const openapi = join(dist, 'types', 'openapi.json')
writeFileSync(openapi, JSON.stringify(JSON.parse(readFileSync(openapi, 'utf8'))))

await build({
  entryPoints: {
    'pg-payments': join(dist, 'functions', 'fetch.js'),
    insforge: join(dist, 'functions', 'insforge.js'),
  },
  outdir: join(dist, 'bundle'),
  // What was built may lie elsewhere.
  nodePaths: [fileURLToPath(new URL('../../node_modules', import.meta.url))],
  bundle: true,
  minify: true,
  format: 'esm',
  // Not that of Node: Stripe's SDK for Node is CommonJS, and requires what a bundle cannot bring.
  platform: 'neutral',
  conditions: ['worker'],
  mainFields: ['module', 'main'],
  target: 'es2022',
  external: ['cloudflare:*'],
  plugins: [nodePrefix],
  banner: { js: '/* pg-payments: the handlers in one file. Generated; MIT License. */' },
  legalComments: 'inline',
  logLevel: 'warning',
})
