/** The package as npm packs it: built from the sources as they are, once for all test files of a run. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { inject } from 'vitest'
import { ROOT } from '../../scripts/dev/generators/sources.ts'
import { open, packedFolder } from '../setup/server.ts'

const run = promisify(execFile)
/** The compiler of this repository, to be run by Node. */
export const compiler = join(
  dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin',
  'tsc',
)
const SOURCES = ['functions', 'sql', 'types', 'scripts']
const SETTINGS = ['tsconfig.build.json', 'tsconfig.json']
const PAGES = ['package.json', 'CHANGELOG.md', 'README.md', 'AGENTS.md', 'SKILL.md', 'llms.txt']

/** For hooks that unpack: the first one builds, and on a busy machine that takes minutes. */
export const PACK_TIMEOUT_MS = 300_000

/** Unpacks the package into a folder. */
export async function unpackInto(folder: string): Promise<void> {
  const tarball = await pack()
  await mkdir(folder, { recursive: true })
  await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', folder])
}

/** Only what the package depends on: it then finds no development dependency of this repository. */
export async function linkDependencies(installed: string): Promise<void> {
  const { dependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  await linkInto(join(installed, 'node_modules'), Object.keys(dependencies))
}

/** Links packages of this repository into a folder of modules. */
export async function linkInto(modules: string, packages: string[]): Promise<void> {
  for (const name of packages) {
    await mkdir(dirname(join(modules, name)), { recursive: true })
    await symlink(join(ROOT, 'node_modules', name), join(modules, name))
  }
}

/** The test file that comes first builds; the others wait for its lock. The folder goes with the run. */
async function pack(): Promise<string> {
  const { url, run: id } = inject('testRun')
  const folder = join(packedFolder(id), await fingerprint())
  const tarball = join(folder, 'package.tgz')
  const lock = open(url, { idle_timeout: 0, max_lifetime: null })
  try {
    await lock`select pg_advisory_lock(hashtextextended(${folder}, 0))`
    if (!(await stat(tarball).catch(() => undefined))) await build(folder, tarball)
    return tarball
  } finally {
    await lock.end()
  }
}

/** Beside the sources, and not in them: other tests use dist/ meanwhile. */
async function build(folder: string, tarball: string): Promise<void> {
  const built = join(folder, 'built')
  const dist = join(built, 'dist')
  await mkdir(built, { recursive: true })
  for (const name of [...PAGES, ...SOURCES, ...SETTINGS])
    await cp(join(ROOT, name), join(built, name), { recursive: true })
  await symlink(join(ROOT, 'node_modules'), join(built, 'node_modules'))
  await run(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd: built })
  // The files of the dashboard are made by `npm run build`.
  const dashboard = join('dist', 'functions', 'dashboard-server', 'built.js')
  await cp(join(ROOT, dashboard), join(built, dashboard))
  await run(process.execPath, [join(ROOT, 'scripts/dev/bundle.mjs'), dist], { cwd: ROOT })
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: built })
  const [made = ''] = (await readdir(folder)).filter((name) => name.endsWith('.tgz'))
  await writeFile(tarball, await readFile(join(folder, made)))
  await rm(built, { recursive: true, force: true })
}

/** Changes with every file, so that a run that watches builds again. */
async function fingerprint(): Promise<string> {
  const hash = createHash('sha256')
  for (const name of [...PAGES, ...SOURCES, ...SETTINGS]) {
    const path = join(ROOT, name)
    const paths = (await stat(path)).isDirectory()
      ? (await readdir(path, { recursive: true })).sort().map((each) => join(path, each))
      : [path]
    const stats = await Promise.all(paths.map((each) => stat(each)))
    for (const [index, { mtimeMs, size }] of stats.entries())
      hash.update(`${paths[index]} ${mtimeMs} ${size}\n`)
  }
  return hash.digest('hex').slice(0, 16)
}
