/** What a resource file exports: its routes. Each has a method, a path, a permission, parameters and an operation. */
import type { Engine } from './engine.ts'
import { checkDepth } from './expand.ts'
import { collectIgnored, type FormHash, type Infer, list, readParams, type Shape, string } from './params.ts'
import { PINNED_VERSION } from './versions.ts'

export type Method = 'GET' | 'POST' | 'DELETE'

/** The arguments of an operation: checked parameters and the ids in the path. */
export interface Call<S extends Shape = Shape> {
  engine: Engine
  params: Infer<S>
  /** The first id in the path, and a second one in nested paths. */
  id: string
  secondId: string
  /** The path of the request. Lists repeat it in `url`. */
  path: string
  /** The API version of the request. */
  version: string
}

/** The parameters of a request after the check. */
export interface Checked {
  params: unknown
  expand: string[]
  /** The parameters that were sent and have no effect here. */
  ignored: string[]
}

export interface Route {
  method: Method
  path: string
  pattern: RegExp
  /** The permission that a restricted key needs: `rak_<permission>_read` or `_write`. */
  permission: string
  /** Checks the parameters as an API version does. It throws before anything changes. */
  read: (form: FormHash, version?: string) => Checked
  run: (call: Call) => unknown
}

/** Defines a route. Every route also has the parameter `expand`. */
export function route<S extends Shape>(
  method: Method,
  path: string,
  permission: string,
  shape: S,
  run: (call: Call<S>) => unknown,
): Route {
  const full: Shape = { ...shape, expand: list(string(), { max: 20 }) }
  return {
    method,
    path,
    pattern: new RegExp(`^${path.replace(/:[a-zA-Z]+/g, '([^/]+)')}$`),
    permission: `rak_${permission}_${method === 'GET' ? 'read' : 'write'}`,
    read: (form, version = PINNED_VERSION) => {
      const date = version.slice(0, 10)
      const known = Object.entries(full).filter(([, param]) => !param.removedIn || date < param.removedIn)
      const { value, ignored } = collectIgnored(() => readParams(Object.fromEntries(known), form))
      const { expand = [], ...params } = value as { expand?: string[] }
      checkDepth(expand)
      return { params, expand, ignored }
    },
    run: run as unknown as Route['run'],
  }
}
