/** Once for each run of vitest: a server, and on it one migrated template database. */
import type { TestProject } from 'vitest/node'
import { beginRun, startTestServer, type TestRun } from './server.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    testRun: TestRun
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startTestServer()
  try {
    const { run, end } = await beginRun(server.url)
    project.provide('testRun', { url: server.url, run })
    return async () => {
      try {
        await end()
      } finally {
        await server.stop()
      }
    }
  } catch (error) {
    await server.stop()
    throw error
  }
}
