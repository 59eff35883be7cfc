/**
 * The watchdog: a process that outlives a killed supervisor for a moment, only to end what that left running.
 *
 * It reads lines of JSON on standard input, a pipe from the supervisor. When the pipe closes, the supervisor is gone, however
 * that came about (kill -9 included), and everything still on the list is ended: services first (they notice by themselves and
 * are given time to), nats-server last. A supervisor that stops in order has emptied the list by then.
 *
 *   {"watch":{"pid":12,"startId":"345"},"waitMs":3000}    {"forget":12}
 */
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { isRunning, type ProcessIdentity, signalProcess } from './process-identity.js'

export interface WatchdogMessage {
  watch?: ProcessIdentity
  /** How long this one may take to end by itself; 0: it will not, so it is asked to at once. */
  waitMs?: number
  forget?: number
}

/** Between SIGTERM and SIGKILL. nats-server needs a moment to close its store. */
const TERMINATE_MS_MAX = 3000
const POLL_MS = 50

const watched = new Map<number, { identity: ProcessIdentity; waitMs: number }>()

// The keys that stop the supervisor, and a closing terminal, are not for us.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGPIPE'] as const) process.on(signal, () => {})

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line) as WatchdogMessage
  if (message.watch) watched.set(message.watch.pid, { identity: message.watch, waitMs: message.waitMs ?? 0 })
  if (message.forget !== undefined) watched.delete(message.forget)
}

const slowFirst = [...watched.values()].toSorted((a, b) => b.waitMs - a.waitMs)
for (const { identity, waitMs } of slowFirst) {
  if (await ended(identity, waitMs)) continue
  signalProcess(identity, 'SIGTERM')
  if (await ended(identity, TERMINATE_MS_MAX)) continue
  signalProcess(identity, 'SIGKILL')
}

async function ended(identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  const until = performance.now() + withinMs
  while (isRunning(identity)) {
    if (performance.now() >= until) return false
    await delay(POLL_MS)
  }
  return true
}
