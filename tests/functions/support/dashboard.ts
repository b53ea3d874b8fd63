import { expect } from 'vitest'

/**
 * The built page of the dashboard and a script of it, with what keeps other pages and other scripts out. Needs `npm run
 * build`.
 */
export async function servesDashboard(url: string): Promise<void> {
  const page = await fetch(`${url}/dashboard/`)
  const html = await page.text()
  expect(page.status, html).toBe(200)
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
  expect(page.headers.get('content-security-policy')).toMatch(
    /^default-src 'none'; script-src 'self'; style-src 'self' 'nonce-[0-9a-f]{32}'; /,
  )
  expect(page.headers.get('cache-control')).toBe('no-store')
  expect(html).toContain('<base href="./">')

  const script = /src="\.\/(assets\/[^"]+\.js)"/.exec(html)?.[1]
  const asset = await fetch(`${url}/dashboard/${script}`)
  expect(asset.status).toBe(200)
  expect(Object.fromEntries(asset.headers)).toMatchObject({
    'content-type': 'text/javascript; charset=utf-8',
    'cache-control': 'public, max-age=31536000, immutable',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
  })
  // Decoded: a runtime that encodes the encoded body once more would give something else.
  expect(await asset.text()).toMatch(/^import|^var|^const|^\(/)
}
