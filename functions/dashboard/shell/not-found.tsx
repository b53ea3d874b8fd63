import { texts } from '../texts.ts'
import { AppLink } from '../ui/link.tsx'

export const NotFound = () => (
  <div className="px-4 py-16 text-center">
    <h1 className="font-semibold text-xl">{texts.failures.notFound}</h1>
    <p className="mt-1 mb-4 text-muted">{texts.failures.notFoundNext}</p>
    <AppLink to="/">{texts.failures.toOverview}</AppLink>
  </div>
)
