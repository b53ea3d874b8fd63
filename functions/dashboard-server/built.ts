/**
 * The files of the dashboard, as a module: a platform without a file system serves them as well. In the package this
 * file is generated from the build of `functions/dashboard`. Here it is empty, so that the handlers run without a
 * build.
 */

export type BuiltFile = {
  /** The value of `Content-Type`. */
  type: string
  /** The content, gzip in base64. */
  gzip: string
}

/** By path below `dashboard/`, for example `assets/index-4f2a.js`. */
export const FILES: Record<string, BuiltFile> = {}
