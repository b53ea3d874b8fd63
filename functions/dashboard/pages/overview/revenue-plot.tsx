/** Bars of revenue and refunds by day, drawn by uPlot into a canvas. The table below it has the same numbers. */
import 'uplot/dist/uPlot.min.css'
import { useEffect, useRef } from 'react'
import UPlot from 'uplot'
import { formatMoney } from '../../format/money.ts'
import { dayOf } from '../../format/time.ts'
import { useMedia } from '../../hooks/use-media.ts'
import { useEnvironment } from '../../shell/environment.ts'
import { usePreferences } from '../../shell/preferences.ts'
import { texts } from '../../texts.ts'
import type { ChartProps } from './revenue-days.ts'

const HEIGHT = 240
const HALF_DAY_SECONDS = 43_200

/** The days of the period at noon, in seconds, with revenue above and refunds below zero. */
function seriesOf({ days, from, length }: ChartProps): [number[], number[], number[]] {
  const byDay = new Map(days.map((day) => [day.day, day]))
  const start = new Date(from)
  const dates = Array.from(
    { length },
    (_, index) => new Date(start.getFullYear(), start.getMonth(), start.getDate() + index, 12),
  )
  const values = dates.map((date) => byDay.get(dayOf(date)))
  return [
    dates.map((date) => date.getTime() / 1000),
    values.map((day) => day?.revenue ?? 0),
    values.map((day) => -(day?.refunds ?? 0)),
  ]
}

/** The colours of the theme as a canvas takes them. */
function coloursOf(element: HTMLElement) {
  const read = (name: string) => {
    element.style.color = `var(${name})`
    return getComputedStyle(element).color
  }
  const colours = {
    accent: read('--accent'),
    bad: read('--bad-strong'),
    muted: read('--muted'),
    line: read('--line'),
  }
  element.style.color = ''
  return colours
}

function optionsOf(element: HTMLElement, currency: string): UPlot.Options {
  const { accent, bad, muted, line } = coloursOf(element)
  const bars = UPlot.paths.bars?.({ size: [0.7, 28], radius: 0.15 })
  const shown = (_: UPlot, value: number | null) => formatMoney(Math.abs(value ?? 0), currency)
  const font = '12px "Inter Variable", sans-serif'
  const points = { show: false }
  const axis = { stroke: muted, font, ticks: { show: false } }
  return {
    width: element.clientWidth,
    height: HEIGHT,
    cursor: { points: { show: false }, drag: { x: false, y: false } },
    scales: {
      x: { range: (_, min, max) => [min - HALF_DAY_SECONDS, max + HALF_DAY_SECONDS] },
      y: { range: (_, min, max) => [Math.min(min, 0) * 1.1, Math.max(max, 1) * 1.08] },
    },
    axes: [
      { ...axis, grid: { show: false } },
      {
        ...axis,
        size: 84,
        grid: { stroke: line, width: 1 },
        values: (_, splits) => splits.map((value) => formatMoney(value, currency)),
      },
    ],
    series: [
      { label: texts.overview.day, value: (_, at) => (at ? new Date(at * 1000).toLocaleDateString() : '–') },
      {
        label: texts.overview.revenueOf,
        fill: accent,
        stroke: accent,
        width: 0,
        paths: bars,
        value: shown,
        points,
      },
      {
        label: texts.overview.refundsOf,
        fill: bad,
        stroke: bad,
        width: 0,
        paths: bars,
        value: shown,
        points,
      },
    ],
  }
}

export default function RevenuePlot(props: ChartProps) {
  const ref = useRef<HTMLDivElement>(null)
  const { theme } = usePreferences()
  const isDark = useMedia('(prefers-color-scheme: dark)')
  const environment = useEnvironment()
  const { days, currency, from, length } = props
  // biome-ignore lint/correctness/useExhaustiveDependencies: the colours change with the theme and the environment
  useEffect(() => {
    const element = ref.current
    if (!element) return
    const plot = new UPlot(optionsOf(element, currency), seriesOf({ days, currency, from, length }), element)
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      plot.destroy()
    }
  }, [days, currency, from, length, theme, isDark, environment])
  return <div ref={ref} aria-hidden="true" className="tabular min-h-66 w-full text-muted text-xs" />
}
