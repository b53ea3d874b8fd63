import { afterAll, beforeAll, expect, it } from 'vitest'
import type { RunningServer } from './conformance.ts'
import { startNode } from './support/server.ts'

let server: RunningServer

beforeAll(async () => {
  server = await startNode({
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    PAYMENTS_ALLOWED_ORIGINS: 'https://shop.example, https://admin.example/',
  })
})

afterAll(() => server.stop())

const allowedFor = async (origin: string, method = 'OPTIONS') => {
  const response = await fetch(`${server.url}/api/payments/stripe/test/checkout-sessions`, {
    method,
    headers: { origin, ...(method === 'OPTIONS' ? { 'access-control-request-method': 'POST' } : {}) },
  })
  expect(response.headers.get('vary')).toContain('Origin')
  return response.headers.get('access-control-allow-origin')
}

it.each(['OPTIONS', 'POST'])('only the listed origins may call from a browser, at %s', async (method) => {
  expect(await allowedFor('https://shop.example', method)).toBe('https://shop.example')
  expect(await allowedFor('https://admin.example', method)).toBe('https://admin.example')
  expect(await allowedFor('https://shop.example.evil', method)).toBeNull()
  expect(await allowedFor('null', method)).toBeNull()
})

it('a base path comes before every route', async () => {
  const behind = await startNode({
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    PAYMENTS_BASE_PATH: '/functions/payments',
  })
  const status = async (path: string) =>
    (await fetch(`${behind.url}${path}`, { method: 'POST', headers: { origin: 'https://a.example' } })).status
  expect(await status('/functions/payments/api/webhooks/stripe/test')).toBe(401)
  expect(await status('/functions/payments/health')).toBe(405)
  expect(await status('/api/webhooks/stripe/test')).toBe(404)
  const preflight = await fetch(
    `${behind.url}/functions/payments/api/payments/stripe/test/checkout-sessions`,
    { method: 'OPTIONS' },
  )
  expect(preflight.headers.get('access-control-allow-origin')).toBe('*')
  await behind.stop()
})
