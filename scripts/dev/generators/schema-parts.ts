/** Prints `types/schema.json`: the parts of the schemas, which `pg-payments doctor` compares with the database. */
import type postgres from 'postgres'
import { SCHEMA_PARTS_QUERY } from '../../cli/support/schema-parts.ts'

/** The file's text. */
export async function printSchemaParts(sql: postgres.Sql): Promise<string> {
  const rows = (await sql.begin('read only', async (tx) => {
    await tx`select set_config('search_path', '', true)`
    return tx.unsafe(SCHEMA_PARTS_QUERY, [false])
  })) as unknown as { part: string; definition: string }[]
  return `${JSON.stringify(Object.fromEntries(rows.map(({ part, definition }) => [part, definition])), null, 2)}\n`
}
