/** What a user types for --server, as the address of a WebSocket. */
import { UsageError } from '../usage-error.js'

export const defaultServer = 'ws://127.0.0.1:8080'

/** "host:8080", "ws://…", "http://…" -> "ws://host:8080/"; with `secure` the scheme becomes wss. */
export function serverUrl(server: string, secure = false): string {
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(server) ? server : `ws://${server}`
  let url: URL
  try {
    url = new URL(withScheme.replace(/^http/i, 'ws'))
  } catch {
    throw new UsageError(`--server ${JSON.stringify(server)} is not an address; use for example ${defaultServer}`)
  }
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:')
    throw new UsageError(`--server ${JSON.stringify(server)}: the scheme must be ws or wss`)
  if (secure) url.protocol = 'wss:'
  url.hash = ''
  return url.href
}
