/** What a viewer chose for this browser. No secret is ever stored. */
import { useSyncExternalStore } from 'react'

export type Theme = 'system' | 'light' | 'dark'
type Preferences = { theme: Theme; shortcuts: boolean; environment: 'test' | 'live' }

const STORED_AS = 'pg-payments-dashboard'
const DEFAULTS: Preferences = { theme: 'system', shortcuts: true, environment: 'test' }
const listeners = new Set<() => void>()

/** A browser may forbid storage; then the defaults apply to each visit. */
function read(): Preferences {
  try {
    const stored = JSON.parse(localStorage.getItem(STORED_AS) ?? '{}') as Partial<Preferences>
    return {
      theme: stored.theme === 'light' || stored.theme === 'dark' ? stored.theme : DEFAULTS.theme,
      shortcuts: stored.shortcuts !== false,
      environment: stored.environment === 'live' ? 'live' : 'test',
    }
  } catch {
    return DEFAULTS
  }
}

let current = read()

export const readPreferences = () => current

export function setPreferences(changed: Partial<Preferences>): void {
  current = { ...current, ...changed }
  try {
    localStorage.setItem(STORED_AS, JSON.stringify(current))
  } catch {}
  applyTheme()
  for (const listener of listeners) listener()
}

export function applyTheme(): void {
  const { dataset } = document.documentElement
  if (current.theme === 'system') delete dataset.theme
  else dataset.theme = current.theme
}

export const usePreferences = () =>
  useSyncExternalStore((changed) => {
    listeners.add(changed)
    return () => listeners.delete(changed)
  }, readPreferences)
