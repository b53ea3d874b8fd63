/**
 * `pg-payments add host <name>` writes the files that a host needs. Their source is the page of the host in
 * `functions/hosts`: each block of code with `file=<path>`. An existing file stays.
 */
import { existsSync } from 'node:fs'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { action, type Context } from '../../support/context.ts'
import { cliError } from '../../support/errors.ts'
import { makeFolder } from '../../support/folder.ts'
import { packageRoot } from '../migrate.ts'
import { shown } from './target.ts'

/** A bundle that goes beside the files of the page, because the host reads no registry. */
type Bundle = { from: 'pg-payments.js' | 'insforge.js'; to: string }

const BUNDLES: Record<string, Bundle> = {
  supabase: { from: 'pg-payments.js', to: 'supabase/functions/payments/pg-payments.js' },
  'deno-deploy': { from: 'pg-payments.js', to: 'payments/pg-payments.js' },
  insforge: { from: 'insforge.js', to: 'insforge/functions/payments.js' },
}

export const HOSTS = [
  'supabase',
  'insforge',
  'deno-deploy',
  'cloudflare',
  'vercel',
  'next',
  'netlify',
  'aws-lambda',
  'express',
  'fastify',
  'hono',
  'bun',
  'docker',
] as const
export type Host = (typeof HOSTS)[number]

type HostFile = { path: string; text: string }
type HostOptions = { out?: string; print?: boolean; force?: boolean }

const pageOf = (host: Host) => join(packageRoot(), 'functions', 'hosts', `${host}.md`)

/** The files in the page of a host. */
export async function filesOf(host: Host): Promise<HostFile[]> {
  const page = await readFile(pageOf(host), 'utf8')
  return [...page.matchAll(/^```\w+ file=(\S+)\n([\s\S]*?)^```$/gm)].map(([, path = '', text = '']) => ({
    path,
    text,
  }))
}

const asHost = (name: string): Host => {
  if (!HOSTS.includes(name as Host))
    throw new InvalidArgumentError(`${name} is not a host. Use ${HOSTS.join(', ')}.`)
  return name as Host
}

export function registerAddHost(add: Command): void {
  add
    .command('host')
    .description('write the files that a host of the handlers needs')
    .argument('<name>', HOSTS.join(', '), asHost)
    .option('--out <folder>', 'the folder of the app (default: this one)')
    .option('--force', 'replace files that are there and differ')
    .option('--print', 'print the files and write nothing; without the bundle')
    .action(action<HostOptions, [Host]>(addHost))
}

async function addHost(context: Context<HostOptions>, host: Host): Promise<void> {
  const { options, io } = context
  const files = await filesOf(host)
  if (options.print) {
    context.show({ host, files }, () => files.map(({ path, text }) => `# ${path}\n${text}`).join('\n'))
    return
  }
  const home = io.env.INIT_CWD && io.env.npm_command === 'exec' ? io.env.INIT_CWD : process.cwd()
  const folder = resolve(home, options.out ?? '.')
  const bundle = BUNDLES[host]
  const source = bundle && join(packageRoot(), 'dist', 'bundle', bundle.from)
  if (source && !existsSync(source))
    throw cliError(`The bundle ${bundle.from} has not been built. Nothing was written.`, {
      next: 'In this repository, run: npm run build',
    })
  const { changed, same } = await compare(files, folder)
  if (changed.length > 0 && !options.force)
    throw cliError(`${changed.join(' and ')} is there already and differs. Nothing was written.`, {
      code: 'FILE_EXISTS',
      next: 'Compare it with the page of the host, or replace it with --force.',
    })

  const written: string[] = []
  for (const { path, text } of files) {
    if (same.includes(path)) continue
    await write(join(folder, path), (target) => writeFile(target, text))
    written.push(path)
  }
  // A bundle belongs to this release; users do not edit it.
  if (source) {
    await write(join(folder, bundle.to), (target) => copyFile(source, target))
    written.push(bundle.to)
  }
  const page = shown(pageOf(host), home)
  context.show({ host, folder, written, there: same, page }, () =>
    [
      ...written.map((path) => `Wrote ${path}`),
      ...same.map((path) => `${path} is there already.`),
      `What else ${host} needs: ${page}`,
    ].join('\n'),
  )
}

/** Which files are there: the same, or others. */
async function compare(files: HostFile[], folder: string): Promise<{ changed: string[]; same: string[] }> {
  const [changed, same]: [string[], string[]] = [[], []]
  for (const { path, text } of files) {
    const there = await readFile(join(folder, path), 'utf8').catch((error) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
      throw error
    })
    if (there !== null) (there === text ? same : changed).push(path)
  }
  return { changed, same }
}

async function write(path: string, put: (path: string) => Promise<void>): Promise<void> {
  try {
    await makeFolder(dirname(path))
    await put(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw cliError(`${path} cannot be written${code ? ` (${code})` : ''}.`, {
      next: 'Name a folder that you may write to with --out.',
    })
  }
}
