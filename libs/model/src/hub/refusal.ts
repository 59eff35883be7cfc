/** What a hub's refusal means, and what to do about it. */
import { ModelError } from '../model-error.js'
import type { HubClient } from './hub-client.js'

export function refusalOf(status: number, hub: HubClient, path: string): ModelError {
  const url = `${hub.endpoint}${path}`
  const page = `${hub.endpoint}/${path
    .replace(/^\/(api\/models\/)?/, '')
    .split('/')
    .slice(0, 2)
    .join('/')}`
  switch (status) {
    case 401:
      return new ModelError(
        'fetch',
        hub.hasToken
          ? `${url}: the hub does not accept the token in HF_TOKEN (401); make another in your account's settings`
          : `${url}: the hub wants to know who asks (401): the model is private, gated, or does not exist; set HF_TOKEN`,
      )
    case 403:
      return new ModelError('fetch', `${url}: access is refused (403); accept the terms at ${page}, then set HF_TOKEN`)
    case 404:
      return new ModelError('not_found', `${url}: there is no such file (404); look for the right name at ${page}`)
    default:
      return new ModelError('fetch', `${url}: the hub answers ${status}, which is not understood`)
  }
}
