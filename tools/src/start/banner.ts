/** What a person reads once everything runs: where it is, what it knows, and what to try. */

export interface BannerContent {
  address: string
  model: string
}

/** What the model of the repository was trained on, so that nobody is disappointed by their first sentence. */
const DEMO_HINT = 'it knows spoken digits; try "three one four"'

export function banner({ address, model }: BannerContent): string {
  const rows = [
    ['Yap listens on', `${address}  (${address.replace(/^http/, 'ws')}/v1/stream)`],
    ['Model', model.startsWith('demo-digits') ? `${model}: ${DEMO_HINT}` : model],
    ['Try', `open ${address} in a browser and speak`],
    ['', `npx yap client${serverOption(address)} --file samples/mid.wav`],
    ['', 'npx yap status'],
    ['Stop', 'Ctrl-C'],
  ]
  return `\n${rows.map(([label, text]) => `  ${(label ?? '').padEnd(16)}${text}`).join('\n')}\n\n`
}

/** The client's default is the default port; only another one has to be named. */
function serverOption(address: string): string {
  const { port, host } = new URL(address)
  return port === '8080' ? '' : ` --server ${host}`
}
