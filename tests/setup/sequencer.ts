/** Starts the files that take longest first, so that no worker is left alone with one of them at the end. */
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** By how long they take, beginning with the longest. */
const LONGEST = [
  'tests/properties/payments',
  'tests/properties/subscriptions',
  'tests/package/',
  'tests/functions/hosts/',
  'tests/functions/client/recipes',
  'tests/dashboard/',
  'tests/demo/',
  'tests/properties/',
  'tests/migrations/',
  'tests/cli/',
]

const rank = ({ moduleId }: TestSpecification): number => {
  const place = LONGEST.findIndex((part) => moduleId.includes(`/${part}`))
  return place === -1 ? LONGEST.length : place
}

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}
