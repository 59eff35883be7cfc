/**
 * A model of a hub by its name: downloaded, checked, compiled, kept.
 *
 *   <YAP_HOME>/models/<org>--<name>/
 *     <name>.nemo        as published; kept, so that another version of Yap can compile it without fetching it again
 *     <name>.nemo.json   where it came from, its SHA-256
 *     model/             compiled
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readFile, rename, rmdir, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { compileNemo } from '../compile-nemo.js'
import { loadManifest, type ModelManifest } from '../manifest.js'
import { ModelError } from '../model-error.js'
import { hubModelDir, hubModelFolder } from '../model-home.js'
import { hubModelId, KNOWN_MODELS } from '../resolve-model.js'
import { download, partOf, removePart, type DownloadOptions } from './download.js'
import { HubClient, type HubOptions } from './hub-client.js'
import { listModel, type HubListing } from './listing.js'

export type FetchPhase = 'download' | 'check' | 'compile'

export interface FetchOptions
  extends HubOptions, Pick<DownloadOptions, 'onRetry' | 'retriesMax' | 'retryMs' | 'stallMs'> {
  /** Branch, tag or commit; default main. */
  revision?: string
  /** Fetch and compile even where the model is there. */
  force?: boolean
  onProgress?: (phase: FetchPhase, done: number, total: number) => void
  /** Said to the user: what was not quite as expected. */
  onNote?: (text: string) => void
}

export interface FetchedModel {
  readonly id: string
  /** The compiled model. */
  readonly dir: string
  readonly manifest: ModelManifest
  /** The model was there already, and nothing was done. */
  readonly present: boolean
}

/** @throws ModelError: one line that says what to do */
export async function fetchModel(name: string, options: FetchOptions = {}): Promise<FetchedModel> {
  const id = idOf(name)
  const dir = hubModelDir(id)
  if (!options.force) {
    const manifest = await loadManifest(dir).catch(() => undefined)
    if (manifest) return { id, dir, manifest, present: true }
  }
  const archive = await fetchArchive(id, options).catch(async (error: unknown) => {
    // Goes only when it is empty: a download that broke off stays.
    await rmdir(hubModelFolder(id)).catch(() => undefined)
    throw error
  })
  const manifest = await compileNemo(archive.path, dir, {
    name: id,
    source: archive.source,
    ...(archive.licence && { licence: archive.licence }),
    onProgress: (done, total) => options.onProgress?.('compile', done, total),
  })
  return { id, dir, manifest, present: false }
}

function idOf(name: string): string {
  const id = hubModelId(name)
  if (id && !id.includes('..')) return id
  const known = KNOWN_MODELS.map((model) => model.split('/')[1]).join(', ')
  throw new ModelError('not_found', `"${name}" is no name of a model on a hub; give org/name, or one of: ${known}`)
}

/** Kept beside the archive. */
interface ArchiveNote {
  source: string
  sha256: string
  revision: string
  licence?: string
}

interface Archive extends ArchiveNote {
  path: string
}

async function fetchArchive(id: string, options: FetchOptions): Promise<Archive> {
  const hub = new HubClient(options)
  const { revision = 'main' } = options
  const folder = hubModelFolder(id)
  await mkdir(folder, { recursive: true }).catch((error: Error) => {
    throw new ModelError('disk', `cannot make ${folder}: ${error.message}; set YAP_HOME to a folder of yours`)
  })
  const guess = `${id.split('/')[1]}.nemo`
  const kept = options.force ? undefined : await keptArchive(join(folder, guess), hub, revision)
  if (kept) return kept

  let listing: HubListing | undefined
  let file = guess
  const bring = async () => {
    const target = join(folder, basename(file))
    const onBytes = (done: number, total: number) => options.onProgress?.('download', done, total)
    return { target, ...(await download(hub, resolvePath(id, revision, file), target, { ...options, onBytes })) }
  }
  let brought
  try {
    brought = await bring()
    listing = await listModel(hub, id, revision)
  } catch (error) {
    if (!(error instanceof ModelError) || error.code !== 'not_found') throw error
    listing = await listModel(hub, id, revision)
    if (!listing) throw error
    file = onlyArchive(listing, id)
    brought = await bring()
  }
  const published = brought.sha256 ?? listing?.files.find(({ name }) => name === file)?.sha256
  if (!published) options.onNote?.(`${hub.endpoint} publishes no SHA-256 of ${file}, so it could not be compared`)
  const sha256 = await checked(brought.target, published, brought.bytes, options)
  await rename(partOf(brought.target), brought.target)
  await removePart(brought.target)
  const source = `${hub.endpoint}${resolvePath(id, revision, file)}`
  const note: ArchiveNote = { source, sha256, revision, ...(listing?.licence && { licence: listing.licence }) }
  await writeFile(noteOf(brought.target), JSON.stringify(note, undefined, 2) + '\n')
  return { ...note, path: brought.target }
}

function resolvePath(id: string, revision: string, file: string): string {
  return `/${id}/resolve/${encodeURIComponent(revision)}/${file.split('/').map(encodeURIComponent).join('/')}`
}

function noteOf(archive: string): string {
  return `${archive}.json`
}

/** An archive that an earlier fetch brought whole, but that is not compiled (any more). */
async function keptArchive(path: string, hub: HubClient, revision: string): Promise<Archive | undefined> {
  try {
    await stat(path)
    const note = JSON.parse(await readFile(noteOf(path), 'utf8')) as ArchiveNote
    const same = note.revision === revision && note.source.startsWith(`${hub.endpoint}/`)
    return same ? { ...note, path } : undefined
  } catch {
    return undefined
  }
}

function onlyArchive(listing: HubListing, id: string): string {
  const archives = listing.files.map(({ name }) => name).filter((name) => name.endsWith('.nemo'))
  if (archives.length === 1) return archives[0]!
  const what = archives.length === 0 ? 'no .nemo archive' : `several: ${archives.join(', ')}`
  throw new ModelError('not_found', `${id} has ${what}; Yap runs models that are published as one .nemo archive`)
}

async function checked(
  target: string,
  published: string | undefined,
  bytes: number,
  options: FetchOptions,
): Promise<string> {
  const hash = createHash('sha256')
  let done = 0
  for await (const chunk of createReadStream(partOf(target), { highWaterMark: 1 << 20 })) {
    hash.update(chunk as Buffer)
    done += (chunk as Buffer).length
    options.onProgress?.('check', done, bytes)
  }
  const found = hash.digest('hex')
  if (!published || found === published) return found
  await removePart(target)
  throw new ModelError(
    'fetch',
    `${basename(target)} arrived damaged: its SHA-256 is ${found}, and ${published} is published; it was removed, fetch it again`,
  )
}
