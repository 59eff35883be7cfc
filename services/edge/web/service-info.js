/** What the service offers (`GET /v1/info`), shown: the model, and the choices in the settings. */

/** While no worker has reported its model, we ask again after this long. */
const ASK_AGAIN_MS = 2000

/**
 * Asks until the service names a model, then resolves.
 * @param {(words: string) => void} onWait called when it has to be asked again
 * @returns {Promise<object>}
 */
export async function fetchInfo(onWait) {
  for (;;) {
    let words = 'No model is loaded yet'
    try {
      const answer = await fetch('v1/info', { cache: 'no-store' })
      const info = answer.ok ? await answer.json() : undefined
      if (info?.model) return info
    } catch {
      words = 'The service cannot be reached'
    }
    onWait(words)
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS))
  }
}

/** @param {object} info @param {(id: string) => HTMLElement} element */
export function showInfo(info, element) {
  const { name, description, knows, hint } = info.model
  element('model-name').textContent = name
  element('model-description').textContent = description ?? ''
  element('model-knows').textContent = knows ? `Knows ${knows}.` : ''
  element('hint').textContent = hint || (knows ? `The loaded model knows ${knows}.` : '')
  element('full-english').hidden = !name.startsWith('demo-')

  fill(
    element('look-ahead'),
    info.look_aheads
      .toSorted(byLatency)
      .map(({ name: value, latency_ms: ms }) => ({ value, words: `${ms} ms (${value})` })),
    info.default_att_ctx,
  )
  fill(
    element('decoder'),
    info.decoders.map((value) => ({ value, words: value.toUpperCase() })),
    info.default_decoder ?? info.decoders[0],
  )
}

function byLatency(a, b) {
  return a.latency_ms - b.latency_ms
}

function fill(select, choices, chosen) {
  const kept = select.value || chosen
  select.replaceChildren(...choices.map(({ value, words }) => new Option(words, value)))
  select.value = choices.some(({ value }) => value === kept) ? kept : chosen
}
