/** The entry of the dashboard in a browser. */
import './theme.css'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { createRoot } from 'react-dom/client'
import { isFailure } from './api/failure.ts'
import { whenSessionEnds } from './api/send.ts'
import { endSession } from './api/session.ts'
import { preload, router } from './router.tsx'
import { Gate } from './shell/gate.tsx'
import { applyTheme } from './shell/preferences.ts'
import { Boundary } from './ui/boundary.tsx'
import { Toasts } from './ui/toasts.tsx'
import { TooltipProvider } from './ui/tooltip.tsx'

const STALE_AFTER_MS = 15_000

/** The code of a login link, taken out of the address at once, so that it stays in no history. */
function takeLoginCode(): string | null {
  const code = /^#code=([\w-]+)$/.exec(location.hash)?.[1] ?? null
  if (code !== null) history.replaceState(null, '', location.pathname + location.search)
  return code
}

applyTheme()
const loginCode = takeLoginCode()
const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: STALE_AFTER_MS,
      networkMode: 'always',
      // What the server refused stays refused, and the banner tries again what was lost.
      retry: (count, error) => !isFailure(error) && count < 1,
    },
    mutations: { networkMode: 'always', retry: false },
  },
})
whenSessionEnds(() => endSession(client))
// A page that cannot be loaded says so when it is shown.
if (loginCode === null) preload(client).catch(() => {})

createRoot(document.getElementById('root') as HTMLElement).render(
  <QueryClientProvider client={client}>
    <TooltipProvider>
      <Toasts>
        <Boundary>
          <Gate loginCode={loginCode}>
            <RouterProvider router={router} />
          </Gate>
        </Boundary>
      </Toasts>
    </TooltipProvider>
  </QueryClientProvider>,
)
