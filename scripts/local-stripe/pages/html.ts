/** A small HTML template. Every value is escaped unless it is HTML itself. */

export interface Html {
  html: string
}

type Value = Html | Html[] | string | number | null | undefined | false

/** A template tag. It escapes text, inserts HTML and lists of HTML, and omits null and false. */
export function html(strings: TemplateStringsArray, ...values: Value[]): Html {
  return { html: String.raw({ raw: strings }, ...values.map(insertValue)) }
}

function insertValue(value: Value): string {
  if (value === null || value === undefined || value === false) return ''
  if (Array.isArray(value)) return value.map((item) => item.html).join('')
  return typeof value === 'object' ? value.html : escapeHtml(String(value))
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
}

/** The URL if a link to it is safe (http and https only), or null. */
export function safeUrl(url: string | null): string | null {
  return url !== null && /^https?:\/\//i.test(url) && URL.canParse(url) ? url : null
}

/** Writes a moment (seconds since 1970) as a day. */
export function formatDay(seconds: number): string {
  return new Intl.DateTimeFormat('en-US', { dateStyle: 'medium', timeZone: 'UTC' }).format(seconds * 1000)
}

/** A whole page, with the notice that no real money moves. */
export function renderPage(title: string, body: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
<style>${{ html: STYLE }}</style>
</head>
<body>
<p class="mark" role="note"><strong>Local Stripe</strong> – no real money moves here</p>
<main>${body}</main>
</body>
</html>`.html
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1a1f36; --soft: #5f6b80; --line: #d8dee8; --edge: #7f89a0; --paper: #fff; --ground: #f6f8fb;
  --accent: #4b45c6; --on-accent: #fff; --bad: #b3093c; --bad-ground: #fdeef1; --mark: #fff4d6; --on-mark: #5c4400 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9f2; --soft: #a3acc2; --line: #39405a; --edge: #7a84a8; --paper: #1e2338;
  --ground: #141828; --accent: #8f8aff; --on-accent: #10131f; --bad: #ff9db0; --bad-ground: #3a1c27; --mark: #453708;
  --on-mark: #ffe9ae } }
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
.mark { margin: 0; padding: .5rem 1rem; background: var(--mark); color: var(--on-mark); text-align: center; font-size: .875rem }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem 4rem; display: grid; gap: 2rem }
.columns { display: grid; gap: 2rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); align-items: start }
h1 { font-size: 1.5rem; margin: 0 0 .25rem } h2 { font-size: 1.125rem; margin: 0 0 .75rem } h3 { margin: 0 0 .5rem }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: .75rem; padding: 1.25rem }
.total { font-size: 2rem; font-weight: 650; margin: 0 0 1rem }
.soft { color: var(--soft); font-size: .9375rem }
table { width: 100%; border-collapse: collapse } td, th { padding: .5rem 0; text-align: left; vertical-align: top; font-weight: 400 }
td:last-child, th:last-child { text-align: right; font-variant-numeric: tabular-nums }
tr + tr > *, tfoot tr > * { border-top: 1px solid var(--line) } tfoot tr:last-child > * { font-weight: 650 }
form { display: grid; gap: .875rem; margin: 0 } form.inline { display: inline-flex; flex-wrap: wrap; gap: .5rem; align-items: end }
label { display: grid; gap: .25rem; font-size: .9375rem } fieldset { border: 1px solid var(--line); border-radius: .5rem; padding: .875rem; margin: 0; display: grid; gap: .75rem }
legend { padding: 0 .375rem; font-size: .9375rem } .row { display: grid; grid-template-columns: 1fr 1fr; gap: .75rem }
label.choice { display: flex; gap: .5rem; align-items: baseline }
input:not([type=radio]), select { font: inherit; width: 100%; padding: .5rem .625rem; color: inherit; background: var(--ground); border: 1px solid var(--edge); border-radius: .375rem }
::placeholder { color: var(--soft); opacity: 1 }
form:has([name=method]:checked:not([value=card])) .of-card { display: none }
button { font: inherit; font-weight: 600; padding: .625rem 1rem; border: 1px solid var(--accent); border-radius: .5rem; background: var(--accent); color: var(--on-accent); cursor: pointer }
button.quiet { background: transparent; color: var(--accent) }
a { color: var(--accent) } :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
.error { margin: 0; padding: .625rem .875rem; border-radius: .5rem; background: var(--bad-ground); color: var(--bad) }
.status { display: inline-block; padding: .0625rem .5rem; border: 1px solid var(--line); border-radius: 1rem; font-size: .8125rem }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1rem; align-items: end }
`
