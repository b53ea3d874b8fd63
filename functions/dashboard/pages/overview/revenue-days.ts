import type { RevenueResponse } from '../../../../types/api.ts'

export type RevenueDay = RevenueResponse['days'][number]
export type ChartProps = { days: RevenueDay[]; currency: string; from: string; length: number }
