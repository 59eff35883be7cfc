/**
 * One JSON line an event, on standard output. Transitions are logged and steps are counted; what clients say (text or audio)
 * is in no line at any level, and neither is their `sid`.
 */
import pino, { type Logger } from 'pino'

export type { Logger }

export interface LogOptions {
  readonly service: string
  readonly name: string
  readonly level: string
  readonly pretty: boolean
}

export async function createLogger(o: LogOptions): Promise<Logger> {
  const options = {
    level: o.level,
    base: { service: o.service, name: o.name, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    // A guard behind the rule above: these keys are never printed, whoever passes them.
    redact: { paths: ['text', 'words', 'pcm', 'sid', '*.text', '*.words', '*.pcm', '*.sid'], remove: true },
  }
  if (!o.pretty) return pino(options, pino.destination({ dest: 1, sync: true }))
  const { default: pretty } = await import('pino-pretty')
  return pino(
    options,
    pretty({
      ignore: 'pid,hostname,service,name',
      messageFormat: '[{name}] {msg}',
      translateTime: 'SYS:HH:MM:ss.l',
      sync: true,
    }),
  )
}
