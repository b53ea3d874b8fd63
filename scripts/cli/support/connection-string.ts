/** The address of a database as `pg` takes it. */

/**
 * The connection string for `pg`, in which "sslmode=require" means the same as for psql and the handlers: encrypted,
 * with any certificate.
 *
 * @throws Error with a sentence for a person
 */
export function connectionString(databaseUrl: string): string {
  let url: URL
  try {
    url = new URL(databaseUrl)
    decodeURIComponent(`${url.username}:${url.password}${url.pathname}`)
    if (!/^postgres(ql)?:$/.test(url.protocol)) throw new Error(url.protocol)
  } catch {
    // Without the cause, because its message repeats the connection string and with it the password.
    throw new Error(
      'The database URL is not a Postgres connection string. It looks like postgres://user@host:5432/database, with :password after the user.',
    )
  }
  if (url.searchParams.has('sslmode') && !url.searchParams.has('uselibpqcompat')) {
    url.searchParams.set('uselibpqcompat', 'true')
  }
  return url.href
}
