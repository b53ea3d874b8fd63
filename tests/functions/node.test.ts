import { describe } from 'vitest'
import { conformance } from './conformance.ts'
import { startNode } from './support/server.ts'

describe('under Node', () => {
  conformance(startNode)
})
