/** What a fixture is, read from its text: the kind of object it creates, and the names and schema of those objects. */

/** How a statement of each kind begins. The order decides: a file of a view may also create its grants. */
const CREATES = {
  function: /^create or replace (?:function|procedure) (\w+)\.(\w+)\s*\(/gim,
  trigger: /^create (?:or replace |constraint )*trigger ()(\w+)/gim,
  policy: /^create policy ()(\w+)/gim,
  view: /^create (?:or replace )?view (\w+)\.(\w+)/gim,
}

export type FixtureKind = keyof typeof CREATES

/** The kind of object that a fixture creates; undefined for one that only alters and grants. */
export function kindOf(text: string): FixtureKind | undefined {
  return (Object.keys(CREATES) as FixtureKind[]).find((kind) => text.search(CREATES[kind]) >= 0)
}

/** The objects that a fixture creates; the schema is empty for triggers and policies. */
export function objectsOf(text: string): { schema: string; name: string }[] {
  const kind = kindOf(text)
  if (!kind) return []
  return [...text.matchAll(CREATES[kind])].map(([, schema = '', name = '']) => ({ schema, name }))
}

/** The file's name without its folders and ending. */
export function baseName(fixture: string): string {
  return fixture.slice(fixture.lastIndexOf('/') + 1, -'.sql'.length)
}
