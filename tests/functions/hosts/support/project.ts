/**
 * The package as it is installed, in a project of an app. The project is below this repository, so that Express,
 * Next.js and the others are found there.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { compiler, unpackInto } from '../../../support/tarball.ts'

export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
const run = promisify(execFile)

export type Project = {
  folder: string
  write(path: string, text: string): Promise<void>
  read(path: string): Promise<string>
  /** What the compiler says to these files, as strict as an app's own may be. */
  compile(paths: string[], options?: { bundler?: boolean }): Promise<string>
  remove(): Promise<void>
}

export async function createProject(): Promise<Project> {
  await mkdir(join(ROOT, '.tmp'), { recursive: true })
  const folder = await mkdtemp(join(ROOT, '.tmp', 'hosts-'))
  const installed = join(folder, 'node_modules', 'pg-payments')
  await unpackInto(installed)
  const write = async (path: string, text: string) => {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  await write('package.json', '{ "name": "app", "private": true, "type": "module" }')
  return {
    folder,
    write,
    read: (path) => readFile(join(folder, path), 'utf8'),
    compile: (paths, { bundler = false } = {}) =>
      run(
        process.execPath,
        [
          compiler,
          ...['--noEmit', '--ignoreConfig', '--strict', '--skipLibCheck', '--target', 'es2022'],
          ...(bundler ? ['--module', 'esnext', '--moduleResolution', 'bundler'] : ['--module', 'nodenext']),
          ...['--lib', 'es2022,dom,dom.iterable', '--types', 'node', ...paths],
        ],
        { cwd: folder },
      ).then(
        ({ stdout }) => stdout,
        ({ stdout }) => stdout,
      ),
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
