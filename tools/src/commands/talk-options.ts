/** Flags that `yap client`, `yap warmup` and `yap bench` have in common. */
import { InvalidArgumentError, type Command } from 'commander'
import { fileURLToPath } from 'node:url'
import { readAudioFile } from '@yap/audio'
import { UsageError } from '../usage-error.js'
import { defaultServer, serverUrl } from '../client/server-address.js'
import type { InitOptions } from '../client/speech-session.js'

/** What is played where no file is named. */
export const sampleFile = fileURLToPath(new URL('../../../samples/mid.wav', import.meta.url))

export interface TalkFlags {
  server: string
  secure: boolean
  file?: string
  rtf: number
  attCtx?: string
  decoder?: string
  fullText: boolean
  json: boolean
  debug: boolean
}

export function addTalkFlags(command: Command): Command {
  return command
    .option('--server <url>', 'where the service listens', defaultServer)
    .option('--secure', 'speak TLS (wss)', false)
    .option('--rtf <x>', 'speed at which the audio is played: 1 is real time, 1000 as fast as it is taken', positive, 1)
    .option('--att-ctx <left,right>', 'look-ahead, for example 70,1 (default: the service chooses)')
    .option('--decoder <name>', 'rnnt or ctc (default: the service chooses)', decoderName)
    .option('--full-text', 'print all of a long text', false)
    .option('--json', 'print one JSON object instead of lines', false)
    .option('--debug', 'print every message to standard error', false)
}

export function urlOf(flags: TalkFlags): string {
  return serverUrl(flags.server, flags.secure)
}

export function initOf(flags: TalkFlags): InitOptions {
  return {
    ...(flags.attCtx === undefined ? {} : { att_ctx: flags.attCtx }),
    ...(flags.decoder === undefined ? {} : { decoder: flags.decoder }),
  }
}

/** 16 kHz mono. */
export async function audioOf(file: string): Promise<Int16Array> {
  if (file === '-') throw new UsageError('--file -: standard input can be played by `yap client` only')
  return (await readAudioFile(file)).pcm
}

export function positive(text: string): number {
  const value = Number(text)
  if (!(value > 0) || value === Infinity) throw new InvalidArgumentError('it must be a number above 0.')
  return value
}

export function count(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 100_000)
    throw new InvalidArgumentError('it must be a whole number from 1 to 100000.')
  return value
}

function decoderName(text: string): string {
  if (text !== 'rnnt' && text !== 'ctc') throw new InvalidArgumentError('it must be rnnt or ctc.')
  return text
}
