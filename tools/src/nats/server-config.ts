/**
 * The configuration of a nats-server that serves one machine: loopback only, JetStream on, nobody in without the key.
 *
 * Loopback is shared by everyone who may log in to the machine, and what passes here is what people say: hence the key
 * (credentials.ts), and files that only their owner may read.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

export interface NatsServerConfig {
  port: number
  /** Where JetStream keeps the session directory. */
  storeDir: string
  name?: string
  /** Public key of those who may connect; without it anybody on this machine may. */
  userKey?: string
}

/** The directory of live sessions is all that JetStream holds here: some hundred bytes a session. */
const JETSTREAM_MEMORY_BYTES_MAX = 64 * 1024 * 1024
const JETSTREAM_FILE_BYTES_MAX = 1024 * 1024 * 1024

/** The configuration as text; JSON is a subset of what nats-server reads. */
export function natsServerConfig(config: NatsServerConfig): string {
  const content = {
    server_name: config.name ?? 'yap-local',
    host: '127.0.0.1',
    port: config.port,
    jetstream: {
      store_dir: config.storeDir,
      max_memory_store: JETSTREAM_MEMORY_BYTES_MAX,
      max_file_store: JETSTREAM_FILE_BYTES_MAX,
    },
    ...(config.userKey ? { authorization: { users: [{ nkey: config.userKey }] } } : {}),
  }
  return `${JSON.stringify(content, undefined, 2)}\n`
}

/** Writes the configuration, readable by its owner only, and makes the folders that it names. */
export async function writeNatsServerConfig(path: string, config: NatsServerConfig): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await mkdir(config.storeDir, { recursive: true, mode: 0o700 })
  await writeFile(path, natsServerConfig(config), { mode: 0o600 })
}
