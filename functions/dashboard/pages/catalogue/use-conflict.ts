import { useState } from 'react'
import { isFailure } from '../../api/failure.ts'

const CHANGED_MEANWHILE = 'PAYMENT_CHANGED_MEANWHILE'

/**
 * What somebody else saved meanwhile, if the server refused a change for that reason.
 *
 * @param read reads the present state
 */
export function useConflict<Row>(read: () => Promise<Row>) {
  const [theirs, setTheirs] = useState<Row | null>(null)
  const onError = async (error: Error) => {
    if (isFailure(error) && error.code === CHANGED_MEANWHILE) setTheirs(await read())
  }
  return { theirs, clear: () => setTheirs(null), onError }
}

export const isConflict = (error: unknown) => isFailure(error) && error.code === CHANGED_MEANWHILE
