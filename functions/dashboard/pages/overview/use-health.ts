import { useCall } from '../../hooks/use-call.ts'
import { useParamsOfEnvironment } from '../../shell/environment.ts'

/** The health of the environment. The server asks Stripe for it, so it is read less often than the rest. */
export const useHealth = () =>
  useCall(
    'getStripeHealth',
    { params: useParamsOfEnvironment() },
    { staleTime: 60_000, refetchInterval: 120_000 },
  )
