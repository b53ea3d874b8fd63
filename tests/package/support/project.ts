/** The package in an app: built, packed by npm, and unpacked into the app's node_modules, without any registry. */
import { execFile } from 'node:child_process'
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ROOT } from '../../../scripts/dev/generators/sources.ts'

const run = promisify(execFile)
const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'))
const APP = fileURLToPath(new URL('../app', import.meta.url))

export type Project = {
  /** The app's folder. */
  path: string
  /** Where the package is installed. */
  installed: string
  remove(): Promise<void>
}

/** @param packages of this repository that the app has installed too */
export async function createProject(packages: string[]): Promise<Project> {
  const path = await mkdtemp(join(tmpdir(), 'pg-payments-app-'))
  // Postgres runs as another account than root, which must reach the app's folder.
  await chmod(path, 0o755)
  const modules = join(path, 'node_modules')
  const installed = join(modules, 'pg-payments')
  const built = await mkdtemp(join(tmpdir(), 'pg-payments-built-'))
  try {
    const files = [
      'package.json',
      'CHANGELOG.md',
      'README.md',
      'AGENTS.md',
      'SKILL.md',
      'llms.txt',
      'functions',
      'sql',
      'types',
      'scripts',
    ]
    for (const name of files) await cp(join(ROOT, name), join(built, name), { recursive: true })
    await run(
      process.execPath,
      [join(typescript, 'bin', 'tsc'), '-p', 'tsconfig.build.json', '--outDir', join(built, 'dist')],
      { cwd: ROOT },
    )
    await run('npm', ['pack', '--ignore-scripts', '--pack-destination', built], { cwd: built })
    const [tarball = ''] = (await readdir(built)).filter((name) => name.endsWith('.tgz'))
    await mkdir(join(modules, '.bin'), { recursive: true })
    await mkdir(installed)
    await run('tar', ['-xzf', join(built, tarball), '--strip-components=1', '-C', installed])
  } finally {
    await rm(built, { recursive: true, force: true })
  }
  // Only what the package depends on: it finds no development dependency of this repository.
  const { dependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  await linkInto(join(installed, 'node_modules'), Object.keys(dependencies))
  const main = join(installed, 'dist', 'scripts', 'cli', 'main.js')
  await chmod(main, 0o755)
  await symlink(main, join(modules, '.bin', 'pg-payments'))
  await linkInto(modules, packages)
  await cp(APP, path, { recursive: true })
  await writeFile(join(path, 'package.json'), '{ "name": "app", "private": true, "type": "module" }\n')
  return { path, installed, remove: () => rm(path, { recursive: true, force: true }) }
}

async function linkInto(modules: string, packages: string[]): Promise<void> {
  for (const name of packages) {
    await mkdir(dirname(join(modules, name)), { recursive: true })
    await symlink(join(ROOT, 'node_modules', name), join(modules, name))
  }
}
