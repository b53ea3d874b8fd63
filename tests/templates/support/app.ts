/** Apps as people have them: with keys of one type, tables of their own, and templates by `pg-payments add`. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type postgres from 'postgres'
import { expect } from 'vitest'
import { type Outcome, runCli } from '../../cli/support.ts'
import { createTestDatabase, type TestDatabase } from '../../setup/database.ts'
import { runLikePsql } from '../../setup/psql.ts'

export type KeyType = 'uuid' | 'bigint' | 'text'
export const KEY_TYPES: KeyType[] = ['uuid', 'bigint', 'text']

export type App = {
  keyType: KeyType
  database: TestDatabase
  sql: postgres.Sql
  folder: string
  /** The id of the thing with this number, as the app writes it. */
  id(number: number): string
  /** Runs `pg-payments add` over the database of the app. */
  add(...args: string[]): Promise<Outcome>
  /** Adds a template and applies what was written, twice. */
  install(...args: string[]): Promise<string>
  close(): Promise<void>
}

/** An app with users, teams and their members, none of which has row level security. */
export async function createApp(keyType: KeyType): Promise<App> {
  const database = await createTestDatabase()
  const { sql } = database
  await sql.unsafe(`
    create type public.member_role as enum ('owner', 'admin', 'member');
    create table public.teams (id ${keyType} primary key, name text);
    create table public.team_members (
      team_id ${keyType} not null references public.teams (id),
      user_id ${keyType} not null,
      role public.member_role not null,
      primary key (team_id, user_id)
    );`)
  const folder = await mkdtemp(join(tmpdir(), 'pg-payments-app-'))
  const id = (number: number) =>
    ({
      uuid: `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`,
      bigint: String(9_223_372_036_854_775_000n + BigInt(number)), // close to the largest there is
      text: `user|${number}`,
    })[keyType]
  const add = (...args: string[]) =>
    runCli(['add', ...args, '--out', folder, '--json'], { env: { DATABASE_URL: database.url } })
  return {
    keyType,
    database,
    sql,
    folder,
    id,
    add,
    async install(...args) {
      const outcome = await add(...args)
      expect({ code: outcome.code, err: outcome.err }).toEqual({ code: 0, err: '' })
      const { file, written } = outcome.json<{ file: string; written: boolean }>()
      expect(written).toBe(true)
      await apply(sql, await readFile(file, 'utf8'))
      return file
    },
    async close() {
      await rm(folder, { recursive: true, force: true })
      await database.close()
    },
  }
}

/** Applies a migration as psql does, twice: the second time must not matter. */
export async function apply(sql: postgres.Sql, text: string): Promise<void> {
  const connection = await sql.reserve()
  try {
    await runLikePsql(connection, text)
    await runLikePsql(connection, text)
  } finally {
    connection.release()
  }
}
