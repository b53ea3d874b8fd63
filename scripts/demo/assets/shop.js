/** The shop in the browser: starts checkouts and the portal through the SDK, and updates the live parts of the page. */
import { createPaymentsClient } from '/sdk/index.js'

const { apiUrl, portalConfiguration } = document.body.dataset

const payments = createPaymentsClient({
  baseUrl: apiUrl,
  getToken: async () => (await ask('/api/token')).token,
})

/** Calls the shop's own backend. */
async function ask(path, body) {
  const response = await fetch(path, {
    method: body ? 'POST' : 'GET',
    headers: body ? { 'Content-Type': 'application/json' } : {},
    body: body && JSON.stringify(body),
  })
  const answer = await response.json()
  if (!response.ok) throw new Error(answer.message)
  return answer
}

/** Goes to a page of Stripe, or throws the reason why not. */
function leave({ data, error }) {
  if (error) throw Object.assign(new Error(error.message), { status: error.statusCode })
  location.assign((data.checkoutSession ?? data.customerPortalSession).url)
}

const checkOut = async ({ checkout }) => leave(await payments.stripe.createCheckoutSession('test', checkout))

const actions = {
  async buy(form) {
    const { quantity, code } = Object.fromEntries(new FormData(form))
    await checkOut(await ask('/api/orders', { quantity: Number(quantity), code }))
  },
  async resume(form) {
    await checkOut(await ask(`/api/orders/${form.dataset.order}/checkout`))
  },
  async subscribe(form) {
    const price = new FormData(form).get('price')
    await checkOut(await ask('/api/subscriptions', { team: form.dataset.team, price }))
  },
  async portal(form) {
    leave(
      await payments.stripe.createCustomerPortalSession('test', {
        subject: { type: 'team', id: form.dataset.team },
        returnUrl: `${location.origin}/#team`,
        configuration: portalConfiguration,
      }),
    )
  },
  async refund(form) {
    await ask(`/api/orders/${form.dataset.order}/refund`, {})
  },
}

document.addEventListener('submit', async (event) => {
  const form = event.target
  const action = actions[form.dataset.action]
  if (!action) return
  event.preventDefault()
  const button = form.querySelector('button')
  const problem = form.querySelector('.problem') ?? form.closest('.card')?.querySelector('.problem')
  if (button.getAttribute('aria-busy') === 'true') return
  button.setAttribute('aria-busy', 'true')
  if (problem) problem.textContent = ''
  try {
    await action(form)
  } catch (error) {
    if (problem) problem.textContent = error.status ? `${error.message} (${error.status})` : error.message
  } finally {
    button.removeAttribute('aria-busy')
  }
})

/** Updates the live parts of the page from the database. */
function watch() {
  const order = document.querySelector('[data-order][data-live]')?.dataset.order
  const query = new URLSearchParams(location.search)
  if (order) query.set('order', order)
  const source = new EventSource(`/live?${query}`)
  const light = document.querySelector('[data-connection]')
  source.addEventListener('open', () => light?.classList.add('on'))
  source.addEventListener('error', () => light?.classList.remove('on'))
  source.addEventListener('view', ({ data }) => {
    for (const [name, text] of Object.entries(JSON.parse(data))) show(name, text)
  })
  addEventListener('pagehide', () => source.close())
}

const shown = new Map()

/** Shows a live part. The text is HTML whose values the shop's server has escaped. */
function show(name, text) {
  const part = document.querySelector(`[data-live="${name}"]`)
  if (!part || shown.get(name) === text) return
  const first = !shown.has(name)
  shown.set(name, text)
  const before = part.textContent
  const focused = part.contains(document.activeElement)
  if (first && sameText(before, text)) return
  part.innerHTML = text
  if (focused) part.querySelector('button, input')?.focus()
  if (before === part.textContent) return
  part.classList.remove('changed')
  void part.offsetWidth
  part.classList.add('changed')
}

/** Whether the first view has the same text as the page. Then nothing is replaced, so nothing typed is lost. */
function sameText(before, text) {
  const probe = document.createElement('template')
  probe.innerHTML = text
  return probe.content.textContent.replace(/\s+/g, ' ').trim() === before.replace(/\s+/g, ' ').trim()
}

addEventListener('pageshow', (event) => {
  if (event.persisted) watch()
})
watch()
