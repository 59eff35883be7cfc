/**
 * A download that goes on where it broke off.
 *
 *   target.part        what has come so far
 *   target.part.json   which version of the file that is (its entity tags)
 *
 * A later attempt asks for the rest "if it is still that version"; a file that changed meanwhile is begun anew. So a
 * broken connection, or a killed process, costs no byte that had arrived, and two versions never mix.
 */
import { open, readFile, rm, stat, writeFile, type FileHandle } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { ModelError } from '../model-error.js'
import { EagerBody } from './eager-body.js'
import type { HubClient, HubResponse } from './hub-client.js'
import { refusalOf } from './refusal.js'

export interface DownloadOptions {
  /** Bytes that have come, of how many; the total is 0 while it is unknown. */
  onBytes?: (done: number, total: number) => void
  /** Called before each wait for another attempt. */
  onRetry?: (reason: string, waitMs: number) => void
  /** Attempts in a row that bring nothing new, before it is given up. */
  retriesMax?: number
  /** The first wait; each further one in a row is twice as long. */
  retryMs?: number
  /** No byte for so long counts as a broken connection. */
  stallMs?: number
}

export interface Downloaded {
  readonly bytes: number
  /** As the hub publishes it, where it does. */
  readonly sha256?: string
}

const RETRIES_MAX = 7
const RETRY_MS = 500
const RETRY_MS_MAX = 30_000
const STALL_MS = 60_000

/** The attempt ended early for a reason that may pass. */
class Interrupted extends Error {
  readonly waitMs: number | undefined

  constructor(reason: string, waitMs?: number) {
    super(reason)
    this.waitMs = waitMs
  }
}

interface Version {
  /** Of the bytes, by the host that stores them. */
  etag: string | null
  /** Of the file, by the hub. */
  linked: string | null
}

/**
 * Downloads to `${target}.part`; the caller checks it and gives it its name.
 *
 * @throws ModelError 'fetch' (refused, or broken off for good), 'not_found' (404), 'disk'
 */
export async function download(
  hub: HubClient,
  path: string,
  target: string,
  options: DownloadOptions = {},
): Promise<Downloaded> {
  const { retriesMax = RETRIES_MAX, retryMs = RETRY_MS } = options
  let failures = 0
  for (;;) {
    const before = await sizeOf(partOf(target))
    try {
      return await attempt(hub, path, target, options)
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error
      const now = await sizeOf(partOf(target))
      failures = now > before ? 1 : failures + 1
      if (failures > retriesMax) throw brokenOff(hub, path, now, error)
      const waitMs = error.waitMs ?? Math.min(retryMs * 2 ** (failures - 1), RETRY_MS_MAX)
      options.onRetry?.(error.message, waitMs)
      await sleep(waitMs)
    }
  }
}

export function partOf(target: string): string {
  return `${target}.part`
}

export async function removePart(target: string): Promise<void> {
  await rm(partOf(target), { force: true })
  await rm(`${partOf(target)}.json`, { force: true })
}

function brokenOff(hub: HubClient, path: string, bytes: number, cause: Error): ModelError {
  const kept = bytes > 0 ? `; ${bytes} bytes are kept, and the same command goes on from there` : ''
  return new ModelError('fetch', `${hub.endpoint}${path} could not be fetched: ${cause.message}${kept}`, { cause })
}

async function attempt(hub: HubClient, path: string, target: string, options: DownloadOptions): Promise<Downloaded> {
  const part = partOf(target)
  const known = await readVersion(target)
  const have = known ? await sizeOf(part) : 0
  // Only a strong tag promises equal bytes.
  const resume = have > 0 && known?.etag && !known.etag.startsWith('W/')
  const headers: Record<string, string> = resume ? { range: `bytes=${have}-`, 'if-range': known.etag! } : {}
  const patience = new Patience(options.stallMs ?? STALL_MS)
  try {
    const answer = await hub.get(path, headers, patience.signal)
    patience.renew()
    const { response, hubHeaders } = answer
    const version: Version = { etag: response.headers.get('etag'), linked: hubHeaders.get('x-linked-etag') }
    const sha256 = sha256In(version.linked) ?? sha256In(version.etag)
    if (response.status === 416 && totalOf(response) === have) return { bytes: have, ...(sha256 && { sha256 }) }
    const start = await startOf(answer, version, known, have, hub, path)
    if (start === undefined) {
      await removePart(target)
      throw new Interrupted('the file changed on the server meanwhile; it is fetched anew', 0)
    }
    const body = new EagerBody(response.body)
    await writeFile(`${part}.json`, JSON.stringify(version))
    const bytes = await receive(response, body, part, start, patience, options).finally(() => body.cancel())
    return { bytes, ...(sha256 && { sha256 }) }
  } catch (error) {
    throw inWords(error, target, patience)
  } finally {
    patience.end()
  }
}

/** Where the answer's bytes belong: 0, or what we have; undefined where they are no continuation of it. */
async function startOf(
  { response }: HubResponse,
  version: Version,
  known: Version | undefined,
  have: number,
  hub: HubClient,
  path: string,
): Promise<number | undefined> {
  if (response.status === 200) return 0
  if (response.status === 206) {
    const same = version.etag === known?.etag && version.linked === known?.linked
    const from = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1]
    if (same && Number(from) === have) return have
    await response.body?.cancel()
    return undefined
  }
  await response.body?.cancel()
  if (response.status === 416) return undefined
  if (response.status === 429 || response.status >= 500) {
    const seconds = Number(response.headers.get('retry-after') ?? NaN)
    const waitMs = Number.isFinite(seconds) ? Math.min(seconds * 1000, RETRY_MS_MAX) : undefined
    throw new Interrupted(`the server answers ${response.status}`, waitMs)
  }
  throw refusalOf(response.status, hub, path)
}

async function receive(
  response: Response,
  body: EagerBody,
  part: string,
  start: number,
  patience: Patience,
  options: DownloadOptions,
): Promise<number> {
  const total = totalOf(response) ?? 0
  let file: FileHandle | undefined
  let done = start
  try {
    file = await open(part, start > 0 ? 'r+' : 'w')
    await file.truncate(start)
    options.onBytes?.(done, total)
    for (let chunk = await body.take(); chunk; chunk = await body.take()) {
      for (let at = 0; at < chunk.length;)
        at += (await file.write(chunk, at, chunk.length - at, done + at)).bytesWritten
      done += chunk.length
      patience.renew()
      options.onBytes?.(done, total)
    }
    await file.sync()
  } finally {
    await file?.close()
  }
  if (total > 0 && done < total) throw new Interrupted(`the connection ended at ${done} of ${total} bytes`)
  return done
}

/** Aborts when nothing was heard for a while. */
class Patience {
  readonly #abort = new AbortController()
  readonly #stallMs: number
  #timer: NodeJS.Timeout | undefined

  constructor(stallMs: number) {
    this.#stallMs = stallMs
    this.renew()
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get lost(): boolean {
    return this.#abort.signal.aborted
  }

  renew(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#abort.abort(), this.#stallMs)
  }

  /** Lets go of a connection that is still open. */
  end(): void {
    clearTimeout(this.#timer)
    this.#abort.abort()
  }
}

/** Which failures pass: those of the network. Those of the disk do not, and keep what has come. */
function inWords(error: unknown, target: string, patience: Patience): unknown {
  if (error instanceof Interrupted || error instanceof ModelError) return error
  if (patience.lost) return new Interrupted('nothing was heard from the server for too long')
  const { code, message, syscall } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new ModelError(
      'disk',
      `the disk is full: free some space, or set YAP_HOME elsewhere; what has come is kept in ${partOf(target)}`,
    )
  }
  const fromDisk = syscall && ['open', 'write', 'ftruncate', 'fsync', 'rename', 'mkdir'].includes(syscall)
  if (fromDisk && code !== 'ECONNRESET' && code !== 'EPIPE') {
    return new ModelError('disk', `cannot write ${partOf(target)}: ${message}`, { cause: error })
  }
  return new Interrupted(reasonOf(error as Error))
}

/** fetch says only "fetch failed"; the cause under it says why. */
function reasonOf(error: Error): string {
  const { cause } = error
  if (!(cause instanceof Error)) return error.message
  return cause.message || ((cause as NodeJS.ErrnoException).code ?? error.message)
}

async function readVersion(target: string): Promise<Version | undefined> {
  try {
    return JSON.parse(await readFile(`${partOf(target)}.json`, 'utf8')) as Version
  } catch {
    return undefined
  }
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  )
}

/** Bytes of the whole file, where the answer says it. */
function totalOf(response: Response): number | undefined {
  const range = /\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1]
  const length = response.status === 200 ? response.headers.get('content-length') : undefined
  const total = range ?? length
  return total === undefined || total === null ? undefined : Number(total)
}

/** The hub's tag of a large file is its SHA-256. */
function sha256In(etag: string | null): string | undefined {
  return /^(?:W\/)?"?([0-9a-f]{64})"?$/i.exec(etag ?? '')?.[1]?.toLowerCase()
}
