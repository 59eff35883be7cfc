/**
 * A key of its own for each run: nats-server is given the public half, the services a credentials file with the private one.
 *
 * Clients read such files as a pair of token and key. The token matters only to servers with accounts; ours knows the key and
 * ignores it, so a word without meaning stands there. (A password would have to travel in URLs or in the environment.)
 */
import { writeFile } from 'node:fs/promises'
import { createUser } from '@nats-io/nkeys'

/** Writes the file, readable by its owner only; returns the public key for the server's configuration. */
export async function writeNatsCredentials(path: string): Promise<string> {
  const key = createUser()
  const seed = new TextDecoder().decode(key.getSeed())
  const content = [
    '-----BEGIN NATS USER JWT-----',
    'none',
    '------END NATS USER JWT------',
    '',
    '-----BEGIN USER NKEY SEED-----',
    seed,
    '------END USER NKEY SEED------',
    '',
  ]
  await writeFile(path, content.join('\n'), { mode: 0o600 })
  return key.getPublicKey()
}
