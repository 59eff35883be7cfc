/** What a hub tells about a model besides its files' contents: their names, checksums, and the licence. */
import type { HubClient } from './hub-client.js'

export interface HubListing {
  readonly files: readonly { name: string; sha256?: string }[]
  readonly licence?: string
}

const LISTING_MS_MAX = 20_000

/** Undefined where the hub has no listing (a plain file server may stand in for it): everything in it can be done without. */
export async function listModel(hub: HubClient, id: string, revision: string): Promise<HubListing | undefined> {
  try {
    const path = `/api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`
    const { response } = await hub.get(path, {}, AbortSignal.timeout(LISTING_MS_MAX))
    if (response.ok) return listingIn(await response.json())
    await response.body?.cancel()
  } catch {
    // The download itself says what is wrong with the network.
  }
  return undefined
}

function listingIn(answer: unknown): HubListing | undefined {
  const siblings = at(answer, 'siblings')
  if (!Array.isArray(siblings)) return undefined
  const files = siblings.flatMap((sibling: unknown) => {
    const name = at(sibling, 'rfilename')
    const sha256 = at(at(sibling, 'lfs'), 'sha256')
    if (typeof name !== 'string') return []
    return [typeof sha256 === 'string' ? { name, sha256: sha256.toLowerCase() } : { name }]
  })
  const licence = at(at(answer, 'cardData'), 'license')
  return typeof licence === 'string' ? { files, licence } : { files }
}

function at(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined
}
