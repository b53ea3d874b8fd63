import { useParams } from '@tanstack/react-router'
import { useMemo } from 'react'
import type { StripeEnvironment } from '../../../types/api.ts'

export const isEnvironment = (value: unknown): value is StripeEnvironment =>
  value === 'test' || value === 'live'

/** The environment in the address. Pages below it are shown only if it is one. */
export function useEnvironment(): StripeEnvironment {
  const { environment } = useParams({ strict: false }) as { environment?: string }
  return isEnvironment(environment) ? environment : 'test'
}

/** The parameters of operations of the environment in the address. */
export function useParamsOfEnvironment(): { environment: StripeEnvironment } {
  const environment = useEnvironment()
  return useMemo(() => ({ environment }), [environment])
}
