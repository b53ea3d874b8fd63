/** The keys of `dev` in a terminal. Each is also a command. */
import type { Actions, Done } from '../../../kit/actions.ts'
import type { Io } from '../../support/context.ts'

type Key = { key: string; does: string; run: (actions: Actions) => Promise<Done> }

/** Whether the next press of a key delivers what the last one held. */
const toggle = () => {
  let holds = false
  return (actions: Actions) => {
    holds = !holds
    return holds ? actions.hold() : actions.release()
  }
}

const createKeys = (): Key[] => [
  { key: 'p', does: 'pay the newest checkout', run: (actions) => actions.pay() },
  { key: 'd', does: 'decline it', run: (actions) => actions.decline() },
  { key: 's', does: 'settle a bank payment', run: (actions) => actions.settle() },
  { key: 'r', does: 'refund the newest payment', run: (actions) => actions.refund() },
  { key: 'i', does: 'dispute it', run: (actions) => actions.dispute() },
  { key: 'n', does: 'renew the newest subscription', run: (actions) => actions.renew() },
  { key: 'c', does: 'cancel it', run: (actions) => actions.cancel() },
  { key: 'a', does: 'advance the clock by a day', run: (actions) => actions.advance('1 day') },
  { key: 'l', does: 'hold events back, then deliver them late', run: toggle() },
  { key: 'x', does: 'deliver held events out of order', run: (actions) => actions.release('random') },
  { key: '2', does: 'deliver the newest event twice', run: (actions) => actions.repeat() },
]

export const keysHelp = (): string =>
  createKeys()
    .map(({ key, does }) => `  ${key}  ${does}`)
    .concat('  q  stop')
    .join('\n')

/** Listens to keys until the returned function is called. Without a terminal it does nothing. */
export function listenToKeys(
  io: Io,
  actions: Actions,
  write: (line: string) => void,
  stop: () => void,
): () => void {
  const stdin = io.stdin as typeof io.stdin & { setRawMode?: (raw: boolean) => void }
  if (stdin.isTTY !== true || !stdin.setRawMode) return () => {}
  const keys = createKeys()
  const onData = (data: Buffer | string) => {
    for (const character of String(data)) {
      if (character === 'q' || character === '\u0003' || character === '\u0004') return stop()
      if (character === '?' || character === 'h') write(keysHelp())
      const found = keys.find(({ key }) => key === character)
      found?.run(actions).then(
        ({ message }) => write(message),
        (error: Error) => write(error.message),
      )
    }
  }
  stdin.setRawMode(true)
  stdin.on('data', onData)
  stdin.resume()
  return () => {
    stdin.setRawMode?.(false)
    stdin.off('data', onData)
    stdin.pause()
  }
}
