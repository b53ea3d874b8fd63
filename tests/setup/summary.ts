/** A reporter that ends a run with one plain line: `N passed, N failed, N skipped`. */
import type { SerializedError } from 'vitest'
import type { Reporter, TestModule } from 'vitest/node'

/** Counts tests; a file that did not load and an error outside of tests count as failed. */
export function summary(modules: readonly TestModule[], errors: readonly SerializedError[]): string {
  const counts = { passed: 0, failed: errors.length, skipped: 0 }
  for (const module of modules) {
    counts.failed += module.errors().length
    for (const test of module.children.allTests()) {
      const { state } = test.result()
      counts[state === 'passed' || state === 'failed' ? state : 'skipped'] += 1
    }
    for (const suite of module.children.allSuites()) counts.failed += suite.errors().length
  }
  return `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`
}

export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    console.log(summary(modules, errors))
  }
}
