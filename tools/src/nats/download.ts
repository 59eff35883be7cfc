/** Downloads a file into memory with limits: on the time to an answer, on the whole time, and on its size. */
import { createHash } from 'node:crypto'

/** An unreachable host must not hold up `npm start`: the next source may well be near. */
const ANSWER_MS_MAX = 8000
const WHOLE_MS_MAX = 180_000
const FILE_BYTES_MAX = 64 * 1024 * 1024

/** Throws an Error of one line: unreachable, refused with a status, too slow, too large. */
export async function download(url: string, headers: Record<string, string> = {}): Promise<Buffer> {
  const abort = new AbortController()
  let limit = ANSWER_MS_MAX
  let timer = setTimeout(() => abort.abort(), limit)
  try {
    const response = await fetch(url, { headers, signal: abort.signal })
    clearTimeout(timer)
    limit = WHOLE_MS_MAX
    timer = setTimeout(() => abort.abort(), limit)
    if (!response.ok) throw new Error(`${new URL(url).host} answered ${response.status}`)
    return await body(response)
  } catch (error) {
    if (abort.signal.aborted)
      throw new Error(`${new URL(url).host} took longer than ${limit / 1000} s`, { cause: error })
    const cause = (error as { cause?: { code?: string } }).cause
    if (cause?.code) throw new Error(`${new URL(url).host} is not reachable (${cause.code})`, { cause: error })
    throw error
  } finally {
    clearTimeout(timer)
    // Whatever of the answer was not read: without this its socket stays open and keeps the process alive.
    abort.abort()
  }
}

async function body(response: Response): Promise<Buffer> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of response.body ?? []) {
    bytes += (part as Uint8Array).length
    if (bytes > FILE_BYTES_MAX) throw new Error(`the file is larger than ${FILE_BYTES_MAX} bytes`)
    parts.push(part as Uint8Array)
  }
  return Buffer.concat(parts)
}

/** Throws where the SHA-256 of the bytes is not the expected one (hex). */
export function checkSha256(bytes: Uint8Array, expected: string, what: string): void {
  const found = createHash('sha256').update(bytes).digest('hex')
  if (found !== expected) throw new Error(`${what} has SHA-256 ${found}, expected ${expected}; it was not used`)
}
