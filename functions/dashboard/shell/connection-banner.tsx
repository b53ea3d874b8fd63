import { useQueryClient } from '@tanstack/react-query'
import { WifiOff } from 'lucide-react'
import { useEffect, useSyncExternalStore } from 'react'
import { connection } from '../api/connection.ts'
import { SESSION_KEY } from '../api/session.ts'
import { texts } from '../texts.ts'
import { useSay } from '../ui/toasts.tsx'

const TRY_EVERY_MS = 2500

/** Says that the server cannot be reached, tries again by itself, and then reads again what is shown. */
export function ConnectionBanner() {
  const client = useQueryClient()
  const say = useSay()
  const isLost = useSyncExternalStore(connection.subscribe, connection.isLost)
  useEffect(() => {
    if (!isLost) return
    const tryAgain = async () => {
      await client.refetchQueries({ queryKey: SESSION_KEY })
      if (connection.isLost()) return
      say(texts.failures.restored)
      await client.invalidateQueries()
    }
    const timer = setInterval(() => void tryAgain(), TRY_EVERY_MS)
    return () => clearInterval(timer)
  }, [isLost, client, say])
  return (
    <div role="status" aria-live="assertive">
      {isLost && (
        <p className="flex items-center justify-center gap-2 bg-warn-soft px-4 py-2 text-center font-medium text-sm text-warn">
          <WifiOff size={16} aria-hidden className="shrink-0" />
          {texts.failures.lostBanner}
        </p>
      )}
    </div>
  )
}
