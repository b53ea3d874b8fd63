/**
 * A login that is no superuser, made the roles itself by migrating, and serves. Since Postgres 16 the creator of a
 * role may grant it and not become it. The migration grants them; here that was taken back. On servers of their own,
 * for roles belong to a whole server.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Finding } from '../../../scripts/cli/commands/doctor/report.ts'
import { migrate } from '../../../scripts/cli/commands/migrate.ts'
import {
  type EmbeddedPostgres,
  FAST_SETTINGS,
  type PostgresVersion,
  startEmbeddedPostgres,
} from '../../../scripts/dev/postgres.ts'
import { runCli } from '../../cli/support.ts'
import { open, withDatabase } from '../../setup/server.ts'
import { startNode } from '../support/server.ts'
import { type System, startSystem } from '../support/system.ts'
import { userToken } from '../support/tokens.ts'

let system: System
beforeAll(async () => {
  system = await startSystem({ deliver: false })
})
afterAll(() => system.close())

describe.each<PostgresVersion>([15, 18])('on Postgres %i the login that created the roles', (version) => {
  let server: EmbeddedPostgres
  let env: Record<string, string>

  beforeAll(async () => {
    server = await startEmbeddedPostgres({ version, settings: FAST_SETTINGS })
    const admin = open(server.url)
    await admin.unsafe(`create role "Owner" login createrole password 'owner'`)
    await admin.unsafe(`create database app owner "Owner"`)
    await admin.end()
    const url = new URL(withDatabase(server.url, 'app'))
    url.username = 'Owner'
    url.password = 'owner'
    env = { ...system.env, DATABASE_URL: url.href }
    await migrate({ databaseUrl: url.href })
    expect(await ask()).toMatchObject({ health: 200, status: 201 })
    const owner = open(url.href)
    await owner.unsafe('revoke anon, authenticated, payments_service from "Owner"')
    await owner.end()
  })
  afterAll(() => server?.stop())

  async function ask() {
    const handlers = await startNode(env)
    try {
      const health = await fetch(`${handlers.url}/health`)
      const checkout = await fetch(`${handlers.url}/api/payments/stripe/test/checkout-sessions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${await userToken('ada')}` },
        body: JSON.stringify({
          mode: 'payment',
          subject: { type: 'user', id: 'ada' },
          lineItems: [{ priceId: system.prices.once }],
          successUrl: 'https://shop.example/done',
          cancelUrl: 'https://shop.example/back',
        }),
      })
      return {
        health: health.status,
        status: checkout.status,
        body: await checkout.json(),
        log: handlers.log(),
      }
    } finally {
      await handlers.stop()
    }
  }

  const roles = async () => {
    const { findings } = (await runCli(['doctor', '--environment', 'test', '--json'], { env })).json<{
      findings: Finding[]
    }>()
    return findings.filter(({ check }) => check === 'roles')
  }

  test('is told what to run while it may not become them, and no policy is blamed', async () => {
    const { health, status, body, log } = await ask()
    expect(health).toBe(503)
    expect({ status, body }).toEqual({
      status: 500,
      body: {
        error: 'INTERNAL_ERROR',
        message:
          'The login in DATABASE_URL may not act as the roles anon and authenticated, so no policy was evaluated.',
        statusCode: 500,
        nextActions:
          'Run in psql, with the name of that login: grant anon, authenticated, payments_service to <login>;',
      },
    })
    expect(log).toMatch(/permission denied to set role .{1,2}authenticated/)
    expect(await roles()).toMatchObject([
      {
        status: 'failed',
        message: expect.stringMatching(/^The login Owner may not set role to anon, authenticated/),
      },
    ])
  })

  test('does everything once it has run what doctor says', async () => {
    const next = (await roles())[0]?.next ?? ''
    expect(next).toBe('Run in psql: grant anon, authenticated, payments_service to "Owner";')
    const sql = open(env.DATABASE_URL ?? '')
    await sql.unsafe(next.slice('Run in psql: '.length))
    await sql.end()
    expect(await ask()).toMatchObject({ health: 200, status: 201 })
    expect(await roles()).toMatchObject([{ status: 'ok' }])
  })
})
