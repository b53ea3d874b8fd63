import type { Page } from 'playwright-core'

/**
 * What of the page has too little contrast by WCAG 2.2, each with its ratio. Text and placeholders need 4.5 (3 where
 * the text is large). Borders of fields need 3 against what is inside or around them.
 */
export function lowContrast(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    type Colour = [number, number, number, number]
    const parse = (text: string) => {
      const [r = 0, g = 0, b = 0, a = 1] = (text.match(/[\d.]+/g) ?? []).map(Number)
      return [r, g, b, a] as Colour
    }
    const channel = (value: number) =>
      value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4
    const luminance = ([r, g, b]: Colour) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b)
    const ratio = (one: Colour, other: Colour) => {
      const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
      return (light + 0.05) / (dark + 0.05)
    }
    const ground = (element: Element | null): Colour => {
      for (let at = element; at; at = at.parentElement) {
        const colour = parse(getComputedStyle(at).backgroundColor)
        if (colour[3] > 0.99) return colour
      }
      return [255, 255, 255, 1]
    }
    const over = (colour: Colour, opacity: number, below: Colour) =>
      colour.map((value, i) => value * opacity + (below[i] ?? 0) * (1 - opacity)) as Colour

    const low: string[] = []
    const check = (what: string, found: number, needed: number) => {
      if (found < needed) low.push(`${what} ${found.toFixed(2)}`)
    }
    for (const element of document.querySelectorAll<HTMLElement>('body *')) {
      if (!element.checkVisibility()) continue
      const style = getComputedStyle(element)
      const text = [...element.childNodes]
        .filter((node) => node.nodeType === 3)
        .map((node) => node.textContent?.trim())
      if (text.join('') !== '' && !element.closest('svg')) {
        const isLarge = Number.parseFloat(style.fontSize) >= 24
        check(text.join(' ').slice(0, 40), ratio(parse(style.color), ground(element)), isLarge ? 3 : 4.5)
      }
      if (!element.matches('input:not([type=hidden], [type=radio]), select')) continue
      const name = element.getAttribute('name')
      const border = parse(style.borderTopColor)
      check(`inside the border of ${name}`, ratio(border, ground(element)), 3)
      check(`outside the border of ${name}`, ratio(border, ground(element.parentElement)), 3)
      if (element.hasAttribute('placeholder')) {
        const placeholder = getComputedStyle(element, '::placeholder')
        const shown = over(parse(placeholder.color), Number(placeholder.opacity), ground(element))
        check(`placeholder of ${name}`, ratio(shown, ground(element)), 4.5)
      }
    }
    return low
  })
}
