/** Templates as an app author installs them: the file as it is, with `psql -f`, as whoever owns the database. */
import { readFile } from 'node:fs/promises'
import type postgres from 'postgres'
import { runLikePsql } from '../../setup/psql.ts'

/** Installs `sql/templates/<name>.sql` twice: the second time must not matter. */
export async function installTwice(sql: postgres.Sql, name: string): Promise<void> {
  const text = await readFile(new URL(`../../../sql/templates/${name}.sql`, import.meta.url), 'utf8')
  const connection = await sql.reserve()
  try {
    await runLikePsql(connection, text)
    await runLikePsql(connection, text)
  } finally {
    connection.release()
  }
}
