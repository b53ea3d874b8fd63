/** The parameters that requests have sent and that have no effect here. Each is reported once for each route. */

export interface Warning {
  method: string
  /** The path of the route, for example `/v1/customers/:id`. */
  path: string
  /** The parameter, with `[]` for every place of a list. */
  param: string
  message: string
}

export interface Warnings {
  /** Records the parameters of a request, and reports those that are new. */
  note(method: string, path: string, params: string[]): void
  /** All warnings so far, oldest first. */
  list(): Warning[]
}

/** @param onWarning called once for each parameter of a route */
export function createWarnings(onWarning: (warning: Warning) => void = () => undefined): Warnings {
  const known = new Map<string, Warning>()
  return {
    note(method, path, params) {
      for (const param of params) {
        const key = `${method} ${path} ${param}`
        if (known.has(key)) continue
        const message = `Local Stripe accepts ${param} of ${method} ${path} without effect. Stripe acts on it.`
        const warning = { method, path, param, message }
        known.set(key, warning)
        onWarning(warning)
      }
    },
    list: () => [...known.values()],
  }
}
