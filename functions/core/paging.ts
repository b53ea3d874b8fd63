/** Lists of the API, page by page: from the cursor of a request to the cursor of its answer. */
import type { z } from 'zod'
import type { StripeEnvironment } from '../../types/api.ts'
import type { Answers } from './answers.ts'
import { readCursor, writeCursor } from './cursor.ts'
import type { Database } from './database.ts'
import type { Deps } from './deps.ts'
import { type AnswerName, present, type RowOf } from './present.ts'
import { type Filters, type List, type PageArgs, type PageOf, readRowsOfPage } from './reads.ts'
import { type Route, route } from './route.ts'
import { environmentParams } from './schema-parts.ts'

/** Rows of a page if the request names no limit and its schema has no default. */
const PAGE_SIZE_DEFAULT = 1000

/** Shows the rows of a list that needs more than `present`. */
type Presenter<Name extends AnswerName> = (row: RowOf<Name>) => Answers[Name]

/** Every row of a list, as answers. */
export async function readEvery<Name extends AnswerName>(
  database: Database,
  list: List<Name>,
  args: Pick<PageArgs, 'environment' | 'filters'>,
): Promise<Answers[Name][]> {
  const answers: Answers[Name][] = []
  let after: PageArgs['after'] = null
  do {
    const page: PageOf<RowOf<Name>> = await readRowsOfPage(database, list, {
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
export function listRoute<Name extends AnswerName, Items extends string>(
  definition: Pick<Route, 'id' | 'path' | 'summary'> & {
    /** Of the path; those besides `environment` are filters. */
    params?: z.ZodType<{ environment: StripeEnvironment }>
    list: List<Name>
    query: z.ZodType<Page>
    response: z.ZodType<{ [Field in Items]: Answers[Name][] } & { nextCursor: string | null }>
    items: Items
    present?: Presenter<Name>
  },
): Route {
  const {
    list,
    items,
    params = environmentParams,
    present: presentRow = (row) => present(list.answer, row),
    ...described
  } = definition
  return route({
    ...described,
    method: 'GET',
    params,
    async handle({ params: { environment, ...inPath }, query }, deps: Deps) {
      const { limit = PAGE_SIZE_DEFAULT, cursor, ...inQuery } = query
      const filters = { ...inPath, ...inQuery }
      // A cursor is valid for one list and one set of filters.
      const scope = { list: list.name, filters: { environment, ...filters } }
      const after = cursor === undefined ? null : await readCursor(deps, scope, cursor)
      const args = { environment, limit, after, filters: filters as Filters }
      const { rows, end } = await readRowsOfPage(deps.database, list, args)
      const nextCursor = end === null ? null : await writeCursor(deps, scope, end)
      return { [items]: rows.map(presentRow), nextCursor } as { [Field in Items]: Answers[Name][] } & {
        nextCursor: string | null
      }
    },
  })
}
