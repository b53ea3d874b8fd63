/** The package in an app: built, packed by npm, and unpacked into the app's node_modules, without any registry. */
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { linkDependencies, linkInto, unpackInto } from '../../support/tarball.ts'

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
  await unpackInto(installed)
  await linkDependencies(installed)
  const main = join(installed, 'dist', 'scripts', 'cli', 'main.js')
  await chmod(main, 0o755)
  await mkdir(join(modules, '.bin'), { recursive: true })
  await symlink(main, join(modules, '.bin', 'pg-payments'))
  await linkInto(modules, packages)
  await cp(APP, path, { recursive: true })
  await writeFile(join(path, 'package.json'), '{ "name": "app", "private": true, "type": "module" }\n')
  return { path, installed, remove: () => rm(path, { recursive: true, force: true }) }
}
