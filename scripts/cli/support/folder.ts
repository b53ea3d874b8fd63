/** Folders that commands write to. */
import { mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/**
 * Makes a folder, and those above it that are missing. Node's own recursive mkdir never returns where a file system refuses with
 * ENOENT, as /proc does. What is a file stays one, as the first write into it says.
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
