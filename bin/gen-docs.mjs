/**
 * Refreshes the generated tables of docs/: settings, limits, errors. Each stands in its document between two comments:
 *
 *   <!-- begin NAME: npm run gen:docs -->   the table   <!-- end NAME -->
 *
 * What they say is declared once, in code; a unit test fails while a document says something else.
 *
 *   npm run gen:docs
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as protocol from '@yap/protocol'
import { configDocs } from '@yap/runtime'
import { root } from './prepare.mjs'

/** Constants of limits.ts that are not in LIMITS. */
const CONSTANTS = ['SAMPLE_RATE_HZ', 'FRAME_MS', 'FRAME_SAMPLES', 'WINDOW_TAIL_SAMPLES']

const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |\n`)
    .join('')

const grouped = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ',')

/** Name, value and reason of every limit; the reasons are the comments of limits.ts, which names below one comment share. */
export function limitsTable() {
  const source = readFileSync(join(root, 'libs/protocol/src/limits.ts'), 'utf8')
  const reasons = reasonsOf(source)
  const row = (name, value) => [`\`${name}\``, grouped(value), reasons.get(name) ?? '']
  return table(
    ['limit', 'value', 'reason'],
    [
      ...CONSTANTS.map((name) => row(name, protocol[name])),
      ...Object.entries(protocol.LIMITS).map(([name, value]) => row(name, value)),
    ],
  )
}

function reasonsOf(source) {
  const reasons = new Map()
  let reason = ''
  let open = false
  for (const line of source.split('\n')) {
    const text = line.trim()
    if (text.startsWith('/**')) reason = ''
    if (text.startsWith('/**') || open) {
      open = !text.endsWith('*/')
      reason = `${reason} ${text.replace(/^\/?\*+\/?\s?/, '').replace(/\s*\*\/$/, '')}`.trim()
      continue
    }
    const name = /^(?:export const )?(\w+)(?::| =) /.exec(text)?.[1]
    if (name) reasons.set(name, reason)
  }
  return reasons
}

/** Code, close code and meaning of every error; a failed request that may succeed later says so. */
export function errorsTable() {
  const rows = Object.entries(protocol.ERRORS).map(([code, { close, retry, meaning }]) => [
    `\`${code}\``,
    close,
    retry ? 'later' : 'not like this',
    meaning,
  ])
  return table(['code', 'close', 'try again', 'what happened'], rows)
}

/** File in docs/, name of the table, and its content. */
export const TABLES = [
  { file: 'OPERATIONS.md', name: 'settings', content: configDocs },
  { file: 'ARCHITECTURE.md', name: 'limits', content: limitsTable },
  { file: 'PROTOCOL.md', name: 'errors', content: errorsTable },
]

/** `text` with the table of that name replaced; throws where its comments are missing. */
export function refreshed(text, name, content) {
  const begin = `<!-- begin ${name}: npm run gen:docs -->\n`
  const end = `<!-- end ${name} -->`
  const from = text.indexOf(begin)
  const to = text.indexOf(end)
  if (from < 0 || to < from) throw new Error(`the comments around the table "${name}" are missing`)
  return `${text.slice(0, from + begin.length)}\n${content}\n${text.slice(to)}`
}

function main() {
  for (const { file, name, content } of TABLES) {
    const path = join(root, 'docs', file)
    const before = readFileSync(path, 'utf8')
    const after = refreshed(before, name, content())
    if (after !== before) writeFileSync(path, after)
    process.stdout.write(`docs/${file}: ${name} ${after === before ? 'unchanged' : 'refreshed'}\n`)
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) main()
