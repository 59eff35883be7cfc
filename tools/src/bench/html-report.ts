/**
 * A benchmark run as one page that needs nothing else: the table, histograms of latency, and a timeline of the talks.
 *
 * Drawn as SVG when it is written; no scripts, no fonts, no links, so that it can be mailed and opened years later.
 */
import type { BenchResult, TalkOutcome } from './run-bench.js'
import { interimLatencies, summaryLines, type BenchSummary } from './bench-summary.js'

const width = 880
const timelineRowsMax = 400

export function htmlReport(summary: BenchSummary, result: BenchResult, writtenAt: Date): string {
  const talks = result.outcomes.flatMap((outcome) => (outcome.kind === 'completed' ? [outcome.talk] : []))
  const finals = talks.map((talk) => talk.flushToFinalMs)
  const interims = interimLatencies(summary.params, talks)
  const { n, concurrency, rtf, server } = summary.params
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>yap bench: ${n} talks, ${concurrency} at a time</title>
<style>${style}</style>
<h1>${n} talks, ${concurrency} at a time, ${rtf} × real time</h1>
<p>${escape(server)}, ${escape(writtenAt.toISOString())}</p>
<pre>${escape(summaryLines(summary).join('\n'))}</pre>
${interims.length > 0 ? histogram('From the end of audio to its interim', interims) : ''}
${finals.length > 0 ? histogram('From close to final', finals) : ''}
${timeline(result)}
</html>
`
}

const style = `
:root { color-scheme: light dark; --ink: #1c1c1e; --paper: #fff; --line: #d5d5da; --bar: #3b6fd4; --word: #1c1c1e;
  --rejected: #c98a00; --error: #c03030; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8ea; --paper: #18181b; --line: #3f3f46; --bar: #7aa2f7;
  --word: #fff; --rejected: #e0b050; --error: #f07070; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: ${width}px; margin: 2rem auto; padding: 0 1rem;
  color: var(--ink); background: var(--paper); }
h1 { font-size: 1.4rem } h2 { font-size: 1.05rem; margin-top: 2rem }
pre { overflow-x: auto; line-height: 1.4 }
svg { width: 100%; height: auto; font-size: 11px }
text { fill: var(--ink) } .axis { stroke: var(--line) } .mark { stroke: var(--word); stroke-width: 1.5 }
.completed { fill: var(--bar) } .rejected { fill: var(--rejected) } .error, .stopped { fill: var(--error) }
`

function histogram(title: string, valuesMs: readonly number[]): string {
  const bins = 40
  const height = 180
  const sorted = valuesMs.toSorted((a, b) => a - b)
  const low = Math.min(0, sorted[0]!)
  const binMs = niceStep((sorted.at(-1)! - low || 1) / bins)
  const first = Math.floor(low / binMs)
  const counts = Array<number>(Math.floor(sorted.at(-1)! / binMs) - first + 1).fill(0)
  for (const value of sorted) counts[Math.floor(value / binMs) - first]!++
  const most = Math.max(...counts)
  const barWidth = width / counts.length
  const bars = counts.map((count, i) => {
    const barHeight = (count / most) * height
    const from = (first + i) * binMs
    const tip = `${label(from)} to ${label(from + binMs)} ms: ${count}`
    return `<rect class="completed" x="${px(i * barWidth)}" y="${px(height - barHeight)}" width="${px(barWidth - 1)}" height="${px(barHeight)}"><title>${tip}</title></rect>`
  })
  const every = Math.ceil(counts.length / 10)
  const ticks = counts.flatMap((_, i) =>
    i % every === 0 ? [`<text x="${px(i * barWidth)}" y="${height + 16}">${label((first + i) * binMs)}</text>`] : [],
  )
  return `<h2>${escape(title)}, ms (${sorted.length} values)</h2>
<svg viewBox="0 0 ${width} ${height + 24}" role="img" aria-label="${escape(title)}: histogram">
${bars.join('\n')}
<line class="axis" x1="0" x2="${width}" y1="${height}" y2="${height}"/>
${ticks.join('\n')}
</svg>`
}

/** One row a talk: from its start to its end, a mark at its first word. */
function timeline({ outcomes, totalMs }: BenchResult): string {
  const shown = outcomes.slice(0, timelineRowsMax)
  if (shown.length === 0) return ''
  const rowHeight = shown.length > 100 ? 4 : 10
  const height = shown.length * rowHeight
  const x = (ms: number): string => px((ms / totalMs) * width)
  const tickMs = niceStep(totalMs / 8)
  const ticks: string[] = []
  for (let at = 0; at < totalMs; at += tickMs)
    ticks.push(
      `<line class="axis" x1="${x(at)}" x2="${x(at)}" y1="0" y2="${height}"/><text x="${x(at)}" y="${height + 14}">${label(at / 1000)} s</text>`,
    )
  const rows = shown.map((outcome, row) => timelineRow(outcome, row * rowHeight, rowHeight, x))
  const more = outcomes.length > shown.length ? `, the first ${shown.length} of ${outcomes.length}` : ''
  return `<h2>Timeline${more} (a mark: the first word)</h2>
<svg viewBox="0 0 ${width} ${height + 20}" role="img" aria-label="Timeline of the talks">
${ticks.join('\n')}
${rows.join('\n')}
</svg>`
}

function timelineRow(outcome: TalkOutcome, y: number, rowHeight: number, x: (ms: number) => string): string {
  const { kind, index, startMs, endMs } = outcome
  const spanWidth = Math.max(1, Number(x(endMs)) - Number(x(startMs)))
  const said = kind === 'completed' ? `${((endMs - startMs) / 1000).toFixed(2)} s` : outcome.message
  const bar = `<rect class="${kind}" x="${x(startMs)}" y="${y}" width="${px(spanWidth)}" height="${rowHeight - 1}"><title>talk ${index + 1}: ${kind}: ${escape(said)}</title></rect>`
  if (kind !== 'completed' || outcome.talk.ttfwMs === undefined) return bar
  const at = x(startMs + outcome.talk.connectMs + outcome.talk.ttfwMs)
  return `${bar}<line class="mark" x1="${at}" x2="${at}" y1="${y}" y2="${y + rowHeight - 1}"/>`
}

/** The next of 1, 2, 5 times a power of ten. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least))
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least * 0.999)!
}

function px(value: number): string {
  return value.toFixed(2)
}

function label(value: number): string {
  return String(Number(value.toPrecision(6)))
}

function escape(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  return text.replace(/[&<>"]/g, (char) => entities[char]!)
}
