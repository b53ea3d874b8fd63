/** Folders that commands write to. */
import { mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/**
 * Makes a folder, and its missing parents. It does so itself, because Node's recursive mkdir never returns where a
 * file system refuses with ENOENT, for example in /proc. A file at this path stays, so the first write below it
 * fails.
 *
 * @throws the error of the file system
 */
export async function makeFolder(path: string): Promise<void> {
  const folder = resolve(path)
  const isThere = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  )
  if (isThere) return
  if (dirname(folder) !== folder) await makeFolder(dirname(folder))
  await mkdir(folder).catch((error) => {
    if (error.code !== 'EEXIST') throw error
  })
}
