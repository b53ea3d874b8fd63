/** Names that the tools take from other commands. */
import { TEMPLATES } from '../add/templates.ts'

export const SUMMARIES = TEMPLATES.map(({ name, summary }) => ({ name, summary }))

/** The actions of `pg-payments dev`, but `env`, which prints secrets. */
export const DEV_ACTIONS = [
  'pay',
  'decline',
  'expire',
  'settle',
  'refund',
  'dispute',
  'renew',
  'cancel',
  'advance',
  'late',
  'release',
  'shuffle',
  'twice',
] as const
