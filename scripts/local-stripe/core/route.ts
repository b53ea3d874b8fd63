/** What a resource file exports: its routes. Each has a method, a path, a permission, parameters and an operation. */
import type { Engine } from './engine.ts'
import { type FormHash, type Infer, list, readParams, type Shape, string } from './params.ts'

export type Method = 'GET' | 'POST' | 'DELETE'

/** What an operation gets: checked parameters and the ids in the path. */
export interface Call<S extends Shape = Shape> {
  engine: Engine
  params: Infer<S>
  /** The first id in the path, and a second one in nested paths. */
  id: string
  secondId: string
  /** The path that was asked for, as lists repeat it in `url`. */
  path: string
}

export interface Route {
  method: Method
  path: string
  pattern: RegExp
  /** What a restricted key must be allowed: `rak_<permission>_read` or `_write`. */
  permission: string
  /** Checks the parameters. Throws before anything was changed. */
  read: (form: FormHash) => { params: unknown; expand: string[] }
  run: (call: Call) => unknown
}

/** States a route. `expand` is a parameter of every one. */
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
    read: (form) => {
      const { expand = [], ...params } = readParams(full, form) as { expand?: string[] }
      return { params, expand }
    },
    run: run as unknown as Route['run'],
  }
}
