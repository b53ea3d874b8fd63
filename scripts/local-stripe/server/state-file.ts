/** Keeps the state of local Stripe in a file, so that it survives the process. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { PINNED_VERSION } from '../core/versions.ts'
import type { AccountSnapshot } from './accounts.ts'
import type { SecretKey } from './keys.ts'

/** Raise it when a snapshot of an older release cannot be read any more. */
const FORMAT = 1

export interface SavedState {
  accounts: AccountSnapshot[]
  keys: SecretKey[]
}

export interface StateFile {
  /** What an earlier process saved; null if there is no file. */
  read(): SavedState | null
  /** Saves soon. Several calls are one write. */
  save(): void
  /** Saves now. */
  saveNow(): void
}

/** @param state what is to be saved */
export function createStateFile(path: string, state: () => SavedState): StateFile {
  const bytes = (): Buffer => serialize({ format: FORMAT, apiVersion: PINNED_VERSION, ...state() })
  const temporary = `${path}.new`
  let writing = false
  let dirty = false
  let closed = false

  const write = async (): Promise<void> => {
    writing = true
    while (dirty && !closed) {
      dirty = false
      await writeFile(temporary, bytes(), { mode: 0o600 })
      // At once: a rename that is under way could land after that of `saveNow`, and bring back an older state.
      if (!closed) renameSync(temporary, path)
    }
    writing = false
  }

  return {
    read() {
      mkdirSync(dirname(path), { recursive: true })
      let saved: Buffer
      try {
        saved = readFileSync(path)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
        throw error
      }
      try {
        const read = deserialize(saved) as SavedState & { format: number }
        if (read.format === FORMAT) return read
      } catch {}
      throw new Error(
        `${path} is not a state that this release of local Stripe can read. Remove the file to begin anew.`,
      )
    },
    save() {
      dirty = true
      if (!writing && !closed) setImmediate(() => void (writing || write().catch(reportFailure(path))))
    },
    saveNow() {
      closed = true
      writeFileSync(`${temporary}.last`, bytes(), { mode: 0o600 })
      renameSync(`${temporary}.last`, path)
    },
  }
}

const reportFailure = (path: string) => (error: unknown) =>
  console.error(`Local Stripe cannot save its state to ${path}: ${(error as Error).message}`)
