/**
 * One readable log out of many processes': services write JSON lines, nats-server its own format, and a crash writes whatever it
 * likes. On a terminal each process has its colour; with --json-logs every line is JSON and names its process.
 */

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'

const LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal']
/** Fields that every line of a service has, and that say nothing new beside the process's name. */
const COMMON_FIELDS = new Set(['level', 'time', 'msg', 'pid', 'hostname', 'service', 'name', 'err'])

export interface LogEntry {
  process: string
  level: LogLevel
  /** Milliseconds since 1970. */
  timeMs: number
  message: string
  fields?: Record<string, unknown>
  /** Further lines below the message: a stack trace. */
  detail?: string
}

/** A line as a service wrote it; what is not JSON is taken as it is, as an error where it came from stderr. */
export function parseServiceLine(process: string, line: string, { stderr = false } = {}): LogEntry {
  if (line.startsWith('{')) {
    try {
      const { level, time, msg, err, ...rest } = JSON.parse(line) as Record<string, unknown>
      const fields = Object.fromEntries(Object.entries(rest).filter(([name]) => !COMMON_FIELDS.has(name)))
      const error = err as { message?: string; stack?: string } | undefined
      const message = [msg, error?.message].filter((part, at, all) => part && all.indexOf(part) === at).join(': ')
      return {
        process,
        level: LEVELS[Math.floor(Number(level) / 10) - 1] ?? 'info',
        timeMs: typeof time === 'string' ? Date.parse(time) : Date.now(),
        message: clean(message),
        fields,
        ...(error?.stack ? { detail: error.stack.split('\n').slice(1).map(clean).join('\n') } : {}),
      }
    } catch {
      // Not JSON after all: shown as it is.
    }
  }
  return { process, level: stderr ? 'error' : 'info', timeMs: Date.now(), message: clean(line) }
}

const NATS_LINE = /^\[\d+\] \S+ \S+ \[(\w+)\] (.*)$/
const NATS_LEVELS: Record<string, LogLevel> = {
  TRC: 'trace',
  DBG: 'debug',
  INF: 'debug',
  WRN: 'warn',
  ERR: 'error',
  FTL: 'fatal',
}

/** A line of nats-server: "[12] 2026/01/31 10:00:00.000001 [INF] Server is ready". What it calls info is of no interest here. */
export function parseNatsLine(process: string, line: string): LogEntry {
  const found = NATS_LINE.exec(line)
  if (!found) return { process, level: 'info', timeMs: Date.now(), message: clean(line) }
  return { process, level: NATS_LEVELS[found[1] ?? ''] ?? 'info', timeMs: Date.now(), message: clean(found[2] ?? '') }
}

/** Control characters would let a log line rewrite the terminal. */
function clean(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd')
}

const PROCESS_COLOURS = [36, 35, 34, 32, 33, 96, 95, 94]
const LEVEL_COLOURS: Partial<Record<LogLevel, number>> = { warn: 33, error: 31, fatal: 31, debug: 90, trace: 90 }

export interface LogOutputOptions {
  write: (text: string) => void
  json: boolean
  colour: boolean
  level: LogLevel
}

export class LogOutput {
  readonly #options: LogOutputOptions
  /** In the order of their first line, so that neighbours differ in colour. */
  readonly #processes: string[] = []
  #nameChars = 0

  constructor(options: LogOutputOptions) {
    this.#options = options
  }

  get json(): boolean {
    return this.#options.json
  }

  /** Names that will come, so that the first lines are aligned with the later ones. */
  expect(processes: readonly string[]): void {
    this.#nameChars = Math.max(this.#nameChars, ...processes.map((name) => name.length))
  }

  entry(entry: LogEntry): void {
    if (LEVELS.indexOf(entry.level) < LEVELS.indexOf(this.#options.level)) return
    this.#options.write(this.#options.json ? jsonLine(entry) : this.#textLine(entry))
  }

  #textLine(entry: LogEntry): string {
    if (!this.#processes.includes(entry.process)) this.#processes.push(entry.process)
    this.#nameChars = Math.max(this.#nameChars, entry.process.length)
    const colour = PROCESS_COLOURS[this.#processes.indexOf(entry.process) % PROCESS_COLOURS.length] ?? 36
    const name = this.#paint(entry.process.padEnd(this.#nameChars), colour)
    const time = this.#paint(timeOfDay(entry.timeMs), 90)
    const level = LEVEL_COLOURS[entry.level]
    const word = entry.level === 'info' ? '' : `${entry.level}: `
    const message = level ? this.#paint(word + entry.message, level) : word + entry.message
    const fields = Object.entries(entry.fields ?? {}).map(
      ([key, value]) => ` ${this.#paint(`${key}=`, 90)}${show(value)}`,
    )
    const detail = entry.detail ? `\n${entry.detail}` : ''
    return `${time} ${name}  ${message}${fields.join('')}${detail}\n`
  }

  #paint(text: string, code: number): string {
    return this.#options.colour ? `\u001b[${code}m${text}\u001b[0m` : text
  }
}

function jsonLine({ process, level, timeMs, message, fields, detail }: LogEntry): string {
  const time = new Date(timeMs).toISOString()
  return `${JSON.stringify({ process, level, time, msg: message, ...fields, ...(detail ? { stack: detail } : {}) })}\n`
}

function show(value: unknown): string {
  if (typeof value === 'string') return /[\s="]/.test(value) || value === '' ? JSON.stringify(value) : clean(value)
  return clean(JSON.stringify(value) ?? 'undefined')
}

/** Local time, "14:03:59.123". */
function timeOfDay(timeMs: number): string {
  const time = new Date(timeMs)
  const parts = [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, '0'))
  return `${parts.join(':')}.${String(time.getMilliseconds()).padStart(3, '0')}`
}
