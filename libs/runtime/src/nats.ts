/**
 * Connection to NATS that is never given up: the client's own defaults end for good after 20 s without a server, and see a
 * half-open connection after minutes. While it is down nothing may be published (the client would keep it, and drop it
 * at the next dial); everything that matters is repaired by offsets once it is back.
 */
import { readFile } from 'node:fs/promises'
import { connect, credsAuthenticator, type ConnectionOptions, type NatsConnection } from '@nats-io/transport-node'
import type { Logger } from './log.js'

export type { NatsConnection, Msg, Subscription } from '@nats-io/transport-node'

export interface NatsOptions {
  /** Separated by commas. */
  readonly url: string
  readonly creds: string
  readonly name: string
}

/** Between dials, with as much again at random: a fleet must not return in step. */
const RECONNECT_MS = 150
const START_RETRY_MS = 250
const START_LINE_EVERY_MS = 5_000

export class NatsLink {
  readonly connection: NatsConnection
  readonly #log: Logger
  readonly #listeners: ((connected: boolean) => void)[] = []
  #connected = true
  #stopping = false

  constructor(connection: NatsConnection, log: Logger) {
    this.connection = connection
    this.#log = log
    void this.#follow()
  }

  get connected(): boolean {
    return this.#connected
  }

  /** Told of each change; also once now. */
  onChange(listener: (connected: boolean) => void): void {
    this.#listeners.push(listener)
    listener(this.#connected)
  }

  /** Sends what is written and closes. Without a server there is nobody to send it to. */
  async stop(): Promise<void> {
    this.#stopping = true
    if (this.#connected) await this.connection.drain()
    else await this.connection.close()
  }

  async #follow(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (this.#stopping) return
      if (status.type === 'disconnect') this.#set(false)
      if (status.type === 'reconnect') this.#set(true)
      if (status.type === 'ldm') this.#log.warn('NATS server is going away; moving to another')
      if (status.type === 'error') this.#log.warn({ err: status.error }, 'NATS reported an error')
    }
  }

  #set(connected: boolean): void {
    if (this.#connected === connected) return
    this.#connected = connected
    if (connected) this.#log.info('NATS is back')
    else this.#log.warn('NATS connection lost; trying again until it is back')
    for (const listener of this.#listeners) listener(connected)
  }
}

/** Connects; while no server answers, tries on and says so. `stopped` ends the wait with an error. */
export async function connectNats(
  o: NatsOptions,
  log: Logger,
  stopped: () => boolean = () => false,
): Promise<NatsLink> {
  const options: ConnectionOptions = {
    servers: o.url.split(',').map((url) => url.trim()),
    name: o.name,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_MS,
    reconnectJitter: RECONNECT_MS,
    pingInterval: 1_500,
    maxPingOut: 2,
    timeout: 3_000,
    noEcho: true,
    ...(o.creds ? { authenticator: credsAuthenticator(await readFile(o.creds)) } : {}),
  }
  let saidAt = Number.NEGATIVE_INFINITY
  for (;;) {
    try {
      const link = new NatsLink(await connect(options), log)
      log.info({ server: link.connection.getServer() }, 'connected to NATS')
      return link
    } catch (error) {
      if (stopped()) throw error
      if (performance.now() - saidAt > START_LINE_EVERY_MS) {
        log.warn(
          `NATS does not answer at ${o.url} (${error instanceof Error ? error.message : String(error)}); trying again every ${START_RETRY_MS} ms`,
        )
        saidAt = performance.now()
      }
      await new Promise((resolve) => setTimeout(resolve, START_RETRY_MS))
    }
  }
}
