/**
 * ffmpeg as a reader of everything that is not WAV: 16 kHz mono 16-bit samples from its standard output.
 *
 * It may open local files only (a playlist could name other places), gets no standard input, and is killed when the
 * reader stops early.
 */
import { spawn } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { AudioError } from './errors.js'
import { createPcmDecoder } from './pcm.js'

const stderrCharsMax = 2000

/** Path of ffmpeg on the PATH. */
export function findFfmpeg(env: NodeJS.ProcessEnv = process.env): string | undefined {
  for (const folder of (env.PATH ?? '').split(delimiter)) {
    if (!folder) continue
    const path = join(folder, process.platform === 'win32' ? 'ffmpeg.exe' : 'ffmpeg')
    try {
      accessSync(path, constants.X_OK)
      if (statSync(path).isFile()) return path
    } catch {
      continue
    }
  }
  return undefined
}

export async function* decodeWithFfmpeg(ffmpeg: string, path: string): AsyncGenerator<Int16Array> {
  const input = ['-protocol_whitelist', 'file,pipe,crypto', '-i', `file:${path}`]
  const output = ['-vn', '-f', 's16le', '-acodec', 'pcm_s16le', '-ac', '1', '-ar', '16000', 'pipe:1']
  const child = spawn(ffmpeg, ['-nostdin', '-hide_banner', '-v', 'error', ...input, ...output], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(0, stderrCharsMax)
  })
  const ended = new Promise<number | Error>((resolve) => {
    child.once('error', resolve)
    child.once('close', (code) => resolve(code ?? 1))
  })
  const decoder = createPcmDecoder('pcm_s16le')
  try {
    for await (const bytes of child.stdout) yield decoder.push(bytes as Buffer) as Int16Array
    const status = await ended
    if (status !== 0) throw new AudioError('not_audio', `${path}: ffmpeg cannot read it: ${reason(said, status, path)}`)
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}

/** The first line that ffmpeg said, without the file's name in front. */
function reason(said: string, status: number | Error, path: string): string {
  if (status instanceof Error) return status.message
  const line = said.split('\n').find((text) => text.trim() !== '')
  return line?.replace(`file:${path}: `, '').trim() ?? `exit code ${status}`
}
