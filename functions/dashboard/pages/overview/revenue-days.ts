import type { RevenueOfDay } from '../../../../types/api.ts'

export type RevenueDay = RevenueOfDay
export type ChartProps = { days: RevenueDay[]; currency: string; from: string; length: number }
