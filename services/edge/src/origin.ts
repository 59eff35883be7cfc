/**
 * Which web pages may connect. A program has no Origin and is not meant here.
 *
 * On a loopback address only the edge's own page: any site that its owner visits could otherwise talk to it. A host name that
 * was made to point at 127.0.0.1 (DNS rebinding) matches Host and Origin alike, so both are compared with loopback names, not
 * with each other.
 */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host) || host === '::1'
}

export interface OriginRule {
  /** Address that the edge listens on. */
  readonly host: string
  readonly port: number
  /** YAP_ORIGINS: separated by commas, or *. */
  readonly allowed: string
}

export function isOriginAllowed(origin: string | undefined, rule: OriginRule): boolean {
  if (origin === undefined) return true
  const list = rule.allowed
    .split(',')
    .map((o) => o.trim().toLowerCase())
    .filter(Boolean)
  if (list.includes('*') || list.includes(origin.toLowerCase())) return true
  if (!isLoopback(rule.host)) return list.length === 0
  let url: URL
  try {
    url = new URL(origin)
  } catch {
    return false
  }
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  return (url.protocol === 'http:' || url.protocol === 'https:') && LOOPBACK.test(url.hostname) && port === rule.port
}
