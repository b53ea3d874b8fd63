// The life of a subscription, as the tests of each framework run it.
import { startBilling } from 'pg-payments/testing'

export const start = () => startBilling({ migrations: './migrations' })

export async function team({ sql }) {
  const [row] = await sql`
    with u as (insert into public.users (email) values (gen_random_uuid()::text) returning id),
      t as (insert into public.teams (name) values ('Acme') returning id)
    insert into public.team_members select t.id, u.id, 'owner' from t, u returning team_id as id, user_id as owner`
  return row
}

export const planOf = async ({ sql }, id) =>
  (await sql`select plan from public.teams where id = ${id}`)[0].plan
