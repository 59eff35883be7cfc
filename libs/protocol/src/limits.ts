/**
 * Every limit of the system, with its reason. Nothing in Yap grows without one of these in the way.
 *
 * What an operator may change is a setting (libs/runtime); what stands here follows from the protocol or from memory
 * and is the same everywhere. Derived values are computed, and what must hold between them is asserted when the module loads.
 */
import { strict as assert } from 'node:assert'

/** Rate inside the system. Everything that carries an offset counts samples at this rate. */
export const SAMPLE_RATE_HZ = 16_000

/** One encoder frame: 8 mel frames of 10 ms. */
export const FRAME_MS = 80
export const FRAME_SAMPLES = (SAMPLE_RATE_HZ / 1000) * FRAME_MS

/** Right half of the first mel window that a step must have seen, beyond its frames. */
export const WINDOW_TAIL_SAMPLES = 200

export const LIMITS = {
  /** Label that a client gives to its session; it is only echoed, so it needs to hold a UUID or a phone number. */
  sidCharsMax: 128,
  /** One WebSocket message: 32 s of 16 kHz PCM16. Larger ones are files and should be cut up, so that memory per socket is bounded. */
  clientMessageBytesMax: 1024 * 1024,
  /** JSON from a client: the longest legal init is below 2 kB. */
  clientJsonBytesMax: 8 * 1024,
  /** Fragments of one WebSocket message; browsers and usual clients send one. */
  clientFragmentsMax: 64,
  /** Buffered pieces of one incomplete message: a guard against a flood of one-byte writes. */
  clientChunksMax: 16_384,
  /** Unsent bytes to one client. Above it interims are superseded; if finals alone exceed it, the client is told `slow_client`. */
  clientBufferedBytesMax: 256 * 1024,
  /** Client sample rates. Below 8 kHz there is no speech left, above 48 kHz no microphone. */
  sampleRateHzMin: 8_000,
  sampleRateHzMax: 48_000,
  /** `endpoint_ms`: one frame is the finest that blanks can be counted in. */
  endpointMsMin: FRAME_MS,
  endpointMsMax: 30_000,
  /** Ping period of a WebSocket, and unanswered pings before the socket is given up: a half-open client is gone in 20 to 30 s. */
  clientPingMs: 10_000,
  clientPingsMissedMax: 2,
  /** Time for a client to answer our close frame before the socket is destroyed. */
  clientCloseMs: 2_000,

  /** Samples in one audio message: 2 s. With the header it stays far below NATS's 1 MiB payload limit. */
  audioMessageSamplesMax: 2 * SAMPLE_RATE_HZ,
  /** One text message. NATS refuses payloads above 1 MiB; some room is left for its own header. */
  textMessageBytesMax: 1024 * 1024 - 4096,
  /** Results in one text message; further ones wait for the acknowledgement of these. */
  textResultsMax: 64,
  /** Text of one turn: four hours of quick speech. */
  textCharsMax: 400_000,
  /** Words with times in one result. A turn with more is delivered without them. */
  textWordsMax: 16_000,
  /** A message between services that is not text or audio: bind, heartbeat. */
  controlMessageBytesMax: 64 * 1024,

  /** `finalize` and `close` are sent again after this long until the worker shows that it took them. */
  resendMs: 200,
  /** The worker sends results again after this long without an acknowledgement. */
  resultRepeatMs: 200,
  /**
   * An acknowledgement waits this long for an audio message to ride on: at the default look-ahead the next one comes in time. Below
   * resultRepeatMs, or every result would be sent twice.
   */
  ackDelayMs: 150,
  /** The edge says that a quiet session still lives, with an empty message. */
  keepaliveMs: 5_000,
  /** A worker lets a session go whose edge has said nothing for this long: the edge is dead. Four keepalives. */
  edgeSilenceMsMax: 20_000,
  /** How long a `close` is resent before the session is forgotten: the worker's own silence limit then frees the slot. */
  releaseMsMax: 5_000,

  /** Heartbeats of a worker: five a second. */
  heartbeatMs: 200,
  /** No heartbeat for this long: nothing new is placed there. */
  suspectMs: 750,
  /** No heartbeat for this long: its sessions are moved. */
  goneMs: 1_000,
  /** A session's text may stall this long (or two chunks, if that is longer) before its worker is taken for dead. */
  stallMsMin: 1_000,
  /** A bind is a request over NATS between two processes that share a switch. */
  bindMsMax: 1_000,
  /** One Place call. Placement is arithmetic over a table in memory. */
  placeMsMax: 1_000,
  /** A session that lost its worker is kept this long without one: a worker restarts in less. */
  failoverMsMax: 30_000,
  /** Workers tried for one session before it is refused. */
  bindAttemptsMax: 4,

  /** A worker admits new sessions below this share of its time. The rest absorbs jitter and failovers. */
  admitBusyShareMax: 0.8,
  /** How long a refused client should wait: about the time in which somebody hangs up. */
  retryAfterMs: 2_000,
  /** Workers in one fleet that tables are sized for. */
  workersMax: 4_096,
} as const

assert(LIMITS.ackDelayMs < LIMITS.resultRepeatMs, 'an acknowledgement must be quicker than the repetition')
assert(LIMITS.suspectMs < LIMITS.goneMs && LIMITS.heartbeatMs * 3 < LIMITS.suspectMs, 'three heartbeats may be lost')
assert(LIMITS.keepaliveMs * 4 <= LIMITS.edgeSilenceMsMax, 'three keepalives may be lost')
assert(LIMITS.audioMessageSamplesMax * 2 < LIMITS.textMessageBytesMax, 'audio messages fit NATS payloads')
