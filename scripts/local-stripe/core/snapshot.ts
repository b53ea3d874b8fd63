/**
 * The whole state of one account in one mode, as plain values. Values that share an object share it in the snapshot
 * too, so it is saved by a format that keeps that (`node:v8`), not as JSON.
 */
import type { Behaviour, CurrencyOption, Engine, SessionDetails } from './engine.ts'
import type { EventRecord } from './event-log.ts'
import type { TimelineState } from './timeline.ts'
import type { Deleted, StripeObject } from './types.ts'

export interface EngineSnapshot {
  objects: (StripeObject | Deleted)[]
  events: EventRecord[]
  timeline: TimelineState
  idsPlace: number
  behaviours: Map<string, Behaviour>
  sessions: Map<string, SessionDetails>
  /** Absent from files of older releases. */
  currencyOptions?: Map<string, Record<string, CurrencyOption>>
  trialWarnings: Set<string>
  endpointSecrets: Map<string, string>
}

/** What an engine is now. It refers to the engine's own objects: save it before the engine changes again. */
export function snapshotOf(engine: Engine): EngineSnapshot {
  return {
    objects: engine.store.all(),
    events: engine.events,
    timeline: engine.timelineState(),
    idsPlace: engine.ids.place(),
    behaviours: engine.behaviours,
    sessions: engine.sessions,
    currencyOptions: engine.currencyOptions,
    trialWarnings: engine.trialWarnings,
    endpointSecrets: engine.endpointSecrets,
  }
}

/**
 * Gives a new engine the state of a snapshot.
 *
 * @param sameIds whether the ids go on as they would have, which a seed asks for. Otherwise later ids are random,
 * because the snapshot may be older than ids that were given out.
 */
export function restoreSnapshot(engine: Engine, snapshot: EngineSnapshot, sameIds: boolean): void {
  engine.store.restore(snapshot.objects)
  engine.events.push(...snapshot.events)
  engine.restoreTimeline(snapshot.timeline)
  if (sameIds) engine.ids.moveTo(snapshot.idsPlace)
  for (const [id, behaviour] of snapshot.behaviours) engine.behaviours.set(id, behaviour)
  for (const [id, details] of snapshot.sessions) engine.sessions.set(id, details)
  for (const [id, options] of snapshot.currencyOptions ?? []) engine.currencyOptions.set(id, options)
  for (const id of snapshot.trialWarnings) engine.trialWarnings.add(id)
  for (const [id, secret] of snapshot.endpointSecrets) engine.endpointSecrets.set(id, secret)
}
