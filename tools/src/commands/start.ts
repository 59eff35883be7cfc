/** `yap start`: the whole service on this machine. */
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Register } from '../cli.js'

const root = fileURLToPath(new URL('../../../', import.meta.url))

export const DEFAULT_DATA_DIR = resolve(root, '.yap')
const WORKERS_MAX = 64

interface StartOptions {
  port: number
  workers: number
  model: string
  dataDir: string
  jsonLogs: boolean
  logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error'
}

export const registerStart: Register = (program: Command) => {
  program
    .command('start')
    .description('run the whole service on this machine: nats-server, router, edge and workers')
    .addOption(
      new Option('--port <number>', 'port of the web page and of WebSockets')
        .env('ASR_PORT')
        .default(8080)
        .argParser(whole(0, 65_535)),
    )
    .addOption(
      new Option('--workers <number>', 'processes that run the model').default(1).argParser(whole(1, WORKERS_MAX)),
    )
    .addOption(
      new Option('--model <name>', 'name of a model, a model directory, or a .nemo file')
        .env('ASR_MODEL')
        .default('demo-digits-en'),
    )
    .addOption(
      new Option('--data-dir <folder>', 'where run.json and the session directory are kept').default(
        DEFAULT_DATA_DIR,
        '.yap',
      ),
    )
    .addOption(new Option('--json-logs', 'one JSON object a line instead of readable text').default(false))
    .addOption(
      new Option('--log-level <level>', 'least serious line to show')
        .env('YAP_LOG_LEVEL')
        .choices(['trace', 'debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .addHelpText('after', '\nListens on 127.0.0.1 unless ASR_HOST says otherwise. Every setting: docs/OPERATIONS.md')
    .action(async (options: StartOptions) => {
      const { runSystem } = await import('../start/run.js')
      process.exitCode = await runSystem({
        ...options,
        dataDir: resolve(options.dataDir),
        host: process.env.ASR_HOST || '127.0.0.1',
        // The usual level is the services' own default, and not worth a setting.
        env: options.logLevel === 'info' ? process.env : { ...process.env, YAP_LOG_LEVEL: options.logLevel },
        serviceMain: (service) => resolve(root, 'services', service, 'dist/main.js'),
      })
    })
}

function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= min && value <= max) return value
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
  }
}
