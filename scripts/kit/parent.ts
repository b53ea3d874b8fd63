/** Notices that the process above this one was killed, which sends no signal. */
import { readFileSync } from 'node:fs'

const LOOK_EVERY_MS = 500
const SHELLS = /^(sh|dash|bash|ash|zsh|busybox)$/

/**
 * Calls back once when the parent has ended. The parent is npm (npx, a script of package.json) with the shell that it
 * starts. It may also be a process that started this one with a channel. For a process that was started otherwise it
 * does nothing, because a shell may end and leave its programs running.
 *
 * @returns a function that ends the watch
 */
export function onParentGone(env: Record<string, string | undefined>, callback: () => void): () => void {
  const parent = process.ppid
  const isBelowNpm = Boolean(env.npm_command ?? env.npm_lifecycle_event)
  const isChild = process.send !== undefined || env.NODE_TEST_CONTEXT !== undefined
  if (parent <= 1 || !(isBelowNpm || isChild)) return () => {}
  // The shell that npm starts outlives a killed npm, so npm is watched too.
  const above = isBelowNpm ? parentOfShell(parent) : undefined
  const timer = setInterval(() => {
    const isGone = process.ppid !== parent || !isAlive(parent)
    if (!isGone && (above === undefined || parentOfShell(parent) === above)) return
    clearInterval(timer)
    callback()
  }, LOOK_EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** The parent of a shell; undefined if it is no shell, or if the system does not tell. */
function parentOfShell(pid: number): number | undefined {
  try {
    // <pid> (<name>) <state> <parent> …
    const [, name = '', parent] = /\((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
    return SHELLS.test(name) ? Number(parent) : undefined
  } catch {
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
