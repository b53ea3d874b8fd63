import { lazy, Suspense } from 'react'
import type { ChartProps } from './revenue-days.ts'

const Plot = lazy(() => import('./revenue-plot.tsx'))

/** The plot is loaded after the numbers. */
export const RevenueChart = (props: ChartProps) => (
  <Suspense fallback={<div className="h-60" />}>
    <Plot {...props} />
  </Suspense>
)
