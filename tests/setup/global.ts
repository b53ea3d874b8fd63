/** Runs once for each run of vitest: starts a server and creates one migrated template database on it. */
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
