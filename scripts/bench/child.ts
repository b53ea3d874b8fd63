/** Parts of a measurement that have a process of their own, so that their memory and time are not counted with somebody else's. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export type Child<Answer> = {
  answer: Answer
  /** Ends the process and resolves when it is gone. */
  stop(): Promise<void>
}

/**
 * Starts a program of this directory, hands it a job and resolves with its answer. It runs with the loader of this process, and
 * ends when this process does.
 */
export async function startChild<Job extends object, Answer>(name: string, job: Job): Promise<Child<Answer>> {
  const child = fork(fileURLToPath(new URL(name, import.meta.url)), {
    // Standard output belongs to the results.
    stdio: ['ignore', 2, 2, 'ipc'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  const ended = once(child, 'close')
  try {
    return { answer: await answerOf<Answer>(child, name, job), stop }
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
    child.once('message', (answer) => resolve(answer as Answer))
    child.once('error', reject)
    child.once('exit', (code, signal) =>
      reject(new Error(`${name} ended (${signal ?? code}) without an answer.`)),
    )
    child.send(job, (error) => error && reject(error))
  })
}

/** The other side: takes the job, answers it, and ends with the process that gave it. */
export function answerJob<Job, Answer>(work: (job: Job) => Promise<Answer>): void {
  process.once('disconnect', () => process.exit())
  process.once('message', async (job) => {
    const answer = await work(job as Job)
    process.send?.(answer)
  })
}
