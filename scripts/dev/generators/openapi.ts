/** Prints `types/openapi.json`: the document that the handlers serve, for people and tools. */
import { openapiDocument } from '../../../functions/admin/openapi.ts'

/** The file's text. */
export function printOpenapi(): string {
  return `${JSON.stringify(openapiDocument(), null, 2)}\n`
}
