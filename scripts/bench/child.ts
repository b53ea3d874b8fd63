/** Runs part of a measurement in a process of its own, so that its memory and time are counted apart. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export type Child<Answer> = {
  answer: Answer
  /** Sends another job. One at a time. */
  ask<Job extends object, Next>(job: Job): Promise<Next>
  /** Ends the process and resolves when it has ended. */
  stop(): Promise<void>
}

/**
 * Starts a program of this directory, sends it a job and resolves with its answer. The program uses the loader of this
 * process, and ends when this process ends.
 */
export async function startChild<Job extends object, Answer>(name: string, job: Job): Promise<Child<Answer>> {
  const child = fork(fileURLToPath(new URL(name, import.meta.url)), {
    // Standard output belongs to the results.
    stdio: ['ignore', 2, 2, 'ipc'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  const ended = once(child, 'close')
  try {
    const answer = await answerOf<Answer>(child, name, job)
    return { answer, ask: (next) => answerOf(child, name, next), stop }
  } catch (error) {
    await stop()
    throw error
  }

  async function stop(): Promise<void> {
    child.kill('SIGKILL')
    await ended
  }
}

function answerOf<Answer>(child: ChildProcess, name: string, job: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null, signal: string | null) =>
      reject(new Error(`${name} ended (${signal ?? code}) without an answer.`))
    child.once('message', (answer) => {
      child.off('exit', ended).off('error', reject)
      resolve(answer as Answer)
    })
    child.once('error', reject)
    child.once('exit', ended)
    child.send(job, (error) => error && reject(error))
  })
}

/** The child's side: receives each job, sends its answer, and ends when its parent ends. */
export function answerJob<Job, Answer>(work: (job: Job) => Promise<Answer>): void {
  process.once('disconnect', () => process.exit())
  process.on('message', async (job) => {
    const answer = await work(job as Job)
    process.send?.(answer)
  })
}
