/** What `yap client` and `yap warmup` print about one talk. */
import type { Talk } from './talk.js'

/** Characters of a text that are shown unless all of it is asked for. */
export const textCharsShown = 1000

export interface TalkLinesOptions {
  fullText: boolean
  /** The lines of `yap warmup`, too. */
  warmup?: boolean
}

export function talkLines(talk: Talk, options: TalkLinesOptions): string[] {
  const lines: [string, string][] = [
    ['Text', shownText(talk.text, options.fullText)],
    ['Wall', seconds(talk.wallMs)],
    ['Audio', seconds(talk.audioMs)],
    ['RTF', (talk.wallMs / talk.audioMs).toFixed(3)],
    ['xRT', (talk.audioMs / talk.wallMs).toFixed(2)],
    ['TTFW', talk.ttfwMs === undefined ? 'no word' : seconds(talk.ttfwMs)],
  ]
  if (options.warmup) {
    lines.push(
      ['Partials', String(talk.partials)],
      ['delta(audio)', seconds(talk.wallMs - talk.audioMs)],
      ['Flush->Final', `${talk.flushToFinalMs.toFixed(0)} ms`],
    )
  }
  const width = Math.max(...lines.map(([name]) => name.length)) + 1
  return lines.map(([name, value]) => `${`${name}:`.padEnd(width)} ${value}`)
}

/** The same as one JSON object; times in seconds, as `yap transcribe` gives them. */
export function talkJson(talk: Talk): Record<string, unknown> {
  return {
    text: talk.text,
    wall_s: round(talk.wallMs / 1000),
    audio_s: round(talk.audioMs / 1000),
    rtf: round(talk.wallMs / talk.audioMs),
    xrt: round(talk.audioMs / talk.wallMs),
    ttfw_s: talk.ttfwMs === undefined ? null : round(talk.ttfwMs / 1000),
    connect_s: round(talk.connectMs / 1000),
    partials: talk.partials,
    delta_audio_s: round((talk.wallMs - talk.audioMs) / 1000),
    flush_to_final_s: round(talk.flushToFinalMs / 1000),
    ...(talk.ready ? { model: talk.ready.model, att_ctx: talk.ready.att_ctx, decoder: talk.ready.decoder } : {}),
  }
}

export function shownText(text: string, fullText: boolean): string {
  if (text === '') return '(no words)'
  if (fullText || text.length <= textCharsShown) return text
  return `${text.slice(0, textCharsShown)}… (${text.length - textCharsShown} more characters: --full-text)`
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`
}

/** Six digits are more than any clock here can tell. */
export function round(value: number): number {
  return Number(value.toFixed(6))
}
