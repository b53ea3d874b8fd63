/** Whether the server can be reached. Requests say what they saw; the banner and the pages read it. */

type Listener = () => void

let isLost = false
const listeners = new Set<Listener>()

export function reportConnection(lost: boolean): void {
  if (isLost === lost) return
  isLost = lost
  for (const listener of listeners) listener()
}

export const connection = {
  isLost: () => isLost,
  subscribe(listener: Listener): () => void {
    listeners.add(listener)
    return () => listeners.delete(listener)
  },
}
