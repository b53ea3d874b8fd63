/** A real Chromium, as it is installed on the machine. */
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
]

/**
 * Where the browser is.
 *
 * @throws Error that says how to install one
 */
export function findBrowser(env: NodeJS.ProcessEnv = process.env, places = PLACES): string {
  const wanted = env.CHROMIUM_PATH?.trim()
  const found = (wanted ? [wanted] : places).find((path) => existsSync(path))
  if (found) return found
  throw new Error(
    wanted
      ? `There is no browser at ${wanted}, where CHROMIUM_PATH says it is. ` +
          'Correct or unset it; to install one, run: apt-get install chromium'
      : 'This test needs Chromium, and there is none on this machine. Run: apt-get install chromium ' +
          `Or set CHROMIUM_PATH to a Chromium or Chrome of yours. Looked at: ${places.join(', ')}.`,
  )
}

/** Starts it with an empty profile of its own. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: findBrowser(),
    args: [
      '--no-sandbox',
      '--disable-background-networking',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}
