/** Lists of the API, page by page: from the cursor of a request to the cursor of its answer. */
import { z } from 'zod'
import type { StripeEnvironment } from '../../types/api.ts'
import { readCursor, writeCursor } from './cursor.ts'
import type { Database } from './database.ts'
import type { Deps } from './deps.ts'
import { type Answer, type Presented, present, type RowOf } from './present.ts'
import { type Filters, type List, type PageArgs, type PageOf, readRowsOfPage } from './reads.ts'
import { type Route, route } from './route.ts'
import { answer, environmentParams, nextCursor } from './schema-parts.ts'

/** Rows of a page if the request names no limit and its schema has no default. */
const PAGE_SIZE_DEFAULT = 1000

/** Shows the rows of a list that needs more than `present`. */
type Presenter<Schema extends Answer> = (row: RowOf<Schema>) => Presented<Schema>

/** Every row of a list, as answers. */
export async function readEvery<Schema extends Answer>(
  database: Database,
  list: List<Schema>,
  args: Pick<PageArgs, 'environment' | 'filters'>,
): Promise<Presented<Schema>[]> {
  const answers: Presented<Schema>[] = []
  let after: PageArgs['after'] = null
  do {
    const page: PageOf<RowOf<Schema>> = await readRowsOfPage(database, list, {
      ...args,
      limit: PAGE_SIZE_DEFAULT,
      after,
    })
    answers.push(...page.rows.map((row) => present(list.answer, row)))
    after = page.end
  } while (after !== null)
  return answers
}

type Page = { limit?: number | undefined; cursor?: string | undefined }

/**
 * Returns the route of a list.
 *
 * @param definition.items the field of the answer that holds the rows, beside `nextCursor`
 */
export function listRoute<Schema extends Answer>(
  definition: Pick<Route, 'id' | 'path' | 'summary'> & {
    /** Of the path; those besides `environment` are filters. */
    params?: z.ZodType<{ environment: StripeEnvironment }>
    list: List<Schema>
    query: z.ZodType<Page>
    items: string
    present?: Presenter<Schema>
  },
): Route {
  const {
    list,
    items,
    params = environmentParams,
    present: presentRow = (row) => present(list.answer, row),
    ...described
  } = definition
  const typeName = `${described.id.replace(/^l/, 'L')}Response`
  return route({
    ...described,
    method: 'GET',
    params,
    response: answer(typeName, { [items]: z.array(list.answer), nextCursor }),
    async handle({ params: { environment, ...inPath }, query }, deps: Deps) {
      const { limit = PAGE_SIZE_DEFAULT, cursor, ...inQuery } = query
      const filters = { ...inPath, ...inQuery }
      // A cursor is valid for one list and one set of filters.
      const scope = { list: list.name, filters: { environment, ...filters } }
      const after = cursor === undefined ? null : await readCursor(deps, scope, cursor)
      const args = { environment, limit, after, filters: filters as Filters }
      const { rows, end } = await readRowsOfPage(deps.database, list, args)
      const nextCursor = end === null ? null : await writeCursor(deps, scope, end)
      return { [items]: rows.map(presentRow) as z.output<Schema>[], nextCursor }
    },
  })
}
