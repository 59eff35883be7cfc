/**
 * Everything that an operator can set, for all services, declared once. Each service checks the whole and uses its own, so a
 * wrong value anywhere stops the first process that sees it, and one environment file serves all of them.
 */
import { flag, oneOf, text, whole } from './setting-types.js'

const HOUR_MS = 3_600_000

export const SETTINGS = {
  ASR_HOST: text({
    default: '127.0.0.1',
    doc: 'Address that the edge listens on. On a loopback address browsers are refused whose Origin is not the edge itself. Images set 0.0.0.0.',
    readBy: ['edge'],
  }),
  ASR_PORT: whole({
    default: 8080,
    min: 0,
    max: 65_535,
    doc: "Port of WebSockets, the web page and the edge's /metrics. 0: any free one.",
    readBy: ['edge'],
  }),
  ASR_MODEL: text({
    default: 'demo-digits-en',
    doc: 'Model: a name, a model directory, or a .nemo file. Images set the name of the NVIDIA model.',
    readBy: ['asr-worker'],
  }),
  ASR_ATT_CTX: text({
    default: '70,1',
    pattern: /^\s*\d{1,4}\s*,\s*\d{1,3}\s*$/,
    range: 'two whole numbers, as 70,1',
    doc: 'Look-ahead of sessions that ask for none. Larger: better text, later. 70,0 70,1 70,6 70,13 are 0, 80, 480, 1040 ms.',
    readBy: ['edge'],
  }),
  ASR_DECODER: oneOf({
    default: 'rnnt',
    words: ['rnnt', 'ctc'],
    doc: 'Decoder of sessions that ask for none. ctc is cheaper and a little worse.',
    readBy: ['edge'],
  }),
  ASR_DEVICE: text({
    default: 'auto',
    pattern: /^(auto|cpu|cuda(:\d+)?)$/,
    range: 'auto, cpu, cuda:N',
    doc: 'Where steps run. auto: cuda where it is there, else cpu.',
    readBy: ['asr-worker'],
  }),
  ASR_STEP_MS: whole({
    default: 20,
    min: 1,
    max: 500,
    unit: 'ms',
    doc: 'Tick on which complete chunks are published and batches are formed. Larger: fewer, fuller steps, and as much more delay.',
    readBy: ['edge', 'asr-worker'],
  }),
  ASR_MAX_BATCH: whole({
    default: 128,
    min: 1,
    max: 128,
    unit: 'sessions',
    doc: 'Sessions stepped together at most.',
    readBy: ['asr-worker'],
  }),
  ASR_TAIL_MS: whole({
    default: 80,
    min: 0,
    max: 2_000,
    unit: 'ms',
    doc: 'Silence added at the end of a turn, so that a short last chunk is not dropped. 0: exactly as NeMo ends an utterance.',
    readBy: ['asr-worker'],
  }),
  ASR_IDLE_FLUSH_MS: whole({
    default: 400,
    min: 50,
    max: 10_000,
    unit: 'ms',
    doc: 'After so long without audio the incomplete tail is shown in an interim. The turn goes on unchanged.',
    readBy: ['edge', 'asr-worker'],
  }),
  YAP_REPLAY_WINDOW_MS: whole({
    default: 2_000,
    min: 500,
    max: 30_000,
    unit: 'ms',
    doc: 'Audio of one session in flight and not yet stepped. Smaller: faster clients are slowed more; larger: more memory in workers.',
    readBy: ['edge', 'asr-worker'],
  }),
  YAP_SNAPSHOT_AFTER_MS: whole({
    default: 60_000,
    min: 5_000,
    max: HOUR_MS,
    unit: 'ms',
    doc: 'Turns longer than this are kept recoverable by snapshots of their state.',
    readBy: ['edge', 'asr-worker'],
  }),
  YAP_RING_MS_MAX: whole({
    default: 160_000,
    min: 10_000,
    max: HOUR_MS,
    unit: 'ms',
    doc: 'Audio kept per session for replay (32 kB a second). A turn that outgrows it without a snapshot cannot survive its worker.',
    readBy: ['edge'],
  }),
  YAP_RESUME_GRACE_MS: whole({
    default: 60_000,
    min: 1_000,
    max: HOUR_MS,
    unit: 'ms',
    doc: 'How long after a break a client may resume.',
    readBy: ['edge'],
  }),
  YAP_SESSION_MS_MAX: whole({
    default: 4 * HOUR_MS,
    min: 1_000,
    max: 24 * HOUR_MS,
    unit: 'ms',
    doc: 'Longest session.',
    readBy: ['edge'],
  }),
  YAP_INIT_MS_MAX: whole({
    default: 5_000,
    min: 100,
    max: 60_000,
    unit: 'ms',
    doc: 'Time for a client to send init.',
    readBy: ['edge'],
  }),
  YAP_IDLE_MS_MAX: whole({
    default: 60_000,
    min: 500,
    max: HOUR_MS,
    unit: 'ms',
    doc: 'Time without any message of a client until its session ends.',
    readBy: ['edge'],
  }),
  YAP_SESSIONS_MAX: whole({
    default: 1_000,
    min: 1,
    max: 100_000,
    unit: 'sessions',
    doc: 'Sessions on one edge. Beyond it the handshake is answered with 429.',
    readBy: ['edge'],
  }),
  YAP_RESUME_SECRET: text({
    default: '',
    secret: true,
    doc: 'Key that signs resume tokens; all edges must share it (32 random characters or more). Empty: one of this process, so that resuming at another edge fails.',
    readBy: ['edge'],
  }),
  YAP_ORIGINS: text({
    default: '',
    doc: "Origins of web pages that may connect, separated by commas; * for any. Empty: any, except on a loopback address, where only the edge's own page may.",
    readBy: ['edge'],
  }),
  YAP_NATS_URL: text({ default: 'nats://127.0.0.1:4222', doc: 'NATS servers, separated by commas.', readBy: ['all'] }),
  YAP_NATS_CREDS: text({ default: '', doc: 'Path of a NATS credentials file.', readBy: ['all'] }),
  YAP_ROUTER: text({
    default: '127.0.0.1:7070',
    doc: 'Routers as host:port, separated by commas. Edges ask any that answers.',
    readBy: ['edge'],
  }),
  YAP_ROUTER_HOST: text({
    default: '127.0.0.1',
    doc: "Address of the router's gRPC door. Images set 0.0.0.0.",
    readBy: ['router'],
  }),
  YAP_ROUTER_PORT: whole({
    default: 7070,
    min: 0,
    max: 65_535,
    doc: "Port of the router's gRPC door.",
    readBy: ['router'],
  }),
  YAP_ROUTER_HTTP_PORT: whole({
    default: 9091,
    min: 0,
    max: 65_535,
    doc: "Port of the router's /healthz, /readyz and /metrics.",
    readBy: ['router'],
  }),
  YAP_WORKER_HOST: text({
    default: '127.0.0.1',
    doc: "Address of the worker's gRPC and http doors. Images set 0.0.0.0.",
    readBy: ['asr-worker'],
  }),
  YAP_WORKER_PORT: whole({
    default: 0,
    min: 0,
    max: 65_535,
    doc: "Port of the worker's gRPC door (Drain, Status). 0: any free one.",
    readBy: ['asr-worker'],
  }),
  YAP_WORKER_HTTP_PORT: whole({
    default: 0,
    min: 0,
    max: 65_535,
    doc: "Port of the worker's /healthz, /readyz and /metrics. 0: any free one.",
    readBy: ['asr-worker'],
  }),
  YAP_NAME: text({
    default: '',
    doc: "Name of this process in logs and tables. Empty: the service's own.",
    readBy: ['all'],
  }),
  YAP_ZONE: text({
    default: '',
    doc: "Zone of this process. Sessions are placed within their edge's zone where it has room.",
    readBy: ['edge', 'asr-worker'],
  }),
  YAP_SLOTS: whole({
    default: 0,
    min: 0,
    max: 100_000,
    unit: 'sessions',
    doc: 'Sessions that one worker holds state for. 0: twice what its measured steps can serve.',
    readBy: ['asr-worker'],
  }),
  ASR_THREADS: whole({
    default: 0,
    min: 0,
    max: 256,
    unit: 'threads',
    doc: 'Threads of one step on a CPU. 0: the cores that are there, less one.',
    readBy: ['asr-worker'],
  }),
  YAP_DRAIN_MS_MAX: whole({
    default: 30_000,
    min: 100,
    max: HOUR_MS,
    unit: 'ms',
    doc: 'Time between SIGTERM and the end. Must be below terminationGracePeriodSeconds.',
    readBy: ['all'],
  }),
  YAP_LOG_LEVEL: oneOf({
    default: 'info',
    words: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    doc: 'Least serious line that is logged. No level logs text or audio.',
    readBy: ['all'],
  }),
  YAP_LOG_PRETTY: flag({ default: false, doc: 'Log for people instead of JSON.', readBy: ['all'] }),
  YAP_PARENT_PID: whole({
    default: 0,
    min: 0,
    max: 4_194_304,
    doc: 'Process whose end is ours too: set by `yap start`, so that it leaves no orphans.',
    readBy: ['all'],
  }),
  YAP_HOME: text({
    default: '',
    doc: 'Folder of downloaded models and tools. Empty: ~/.cache/yap.',
    readBy: ['asr-worker', 'tools'],
  }),
  YAP_DEBUG: text({ default: '', doc: 'Anything: the `yap` command prints stack traces.', readBy: ['tools'] }),
} as const

export type SettingName = keyof typeof SETTINGS
type Value<D> = D extends { schema: { _output: infer T } } ? T : never
/** Every setting, checked. */
export type Settings = { readonly [N in SettingName]: Value<(typeof SETTINGS)[N]> }

/** What no single value can be wrong about: pairs that must agree. */
export function crossChecks(s: Settings): string[] {
  const problems: string[] = []
  if (s.YAP_SNAPSHOT_AFTER_MS >= s.YAP_RING_MS_MAX)
    problems.push(
      `YAP_SNAPSHOT_AFTER_MS ${s.YAP_SNAPSHOT_AFTER_MS} must be below YAP_RING_MS_MAX ${s.YAP_RING_MS_MAX}, or long turns are lost with their worker`,
    )
  if (s.YAP_REPLAY_WINDOW_MS >= s.YAP_RING_MS_MAX)
    problems.push(
      `YAP_REPLAY_WINDOW_MS ${s.YAP_REPLAY_WINDOW_MS} must be below YAP_RING_MS_MAX ${s.YAP_RING_MS_MAX}: audio in flight must still be there to be sent again`,
    )
  if (s.ASR_IDLE_FLUSH_MS < 2 * s.ASR_STEP_MS)
    problems.push(
      `ASR_IDLE_FLUSH_MS ${s.ASR_IDLE_FLUSH_MS} must be at least two ticks of ASR_STEP_MS ${s.ASR_STEP_MS}, or every frame would be flushed`,
    )
  if (s.YAP_RESUME_SECRET !== '' && s.YAP_RESUME_SECRET.length < 32)
    problems.push(`YAP_RESUME_SECRET has ${s.YAP_RESUME_SECRET.length} characters; at least 32 are needed`)
  return problems
}
