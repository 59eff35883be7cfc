/**
 * What `yap start` starts and with which settings: nats-server, a router, an edge and workers. Pure: ports, paths and the
 * environment come in, plans go out. What somebody set in the environment wins over what is chosen here.
 */
import { availableParallelism } from 'node:os'
import { natsAnswers } from '../nats/probe.js'
import type { ProcessPlan } from './managed-process.js'

export interface SystemOptions {
  /** Of the edge: its address and port. */
  host: string
  port: number
  workers: number
  /** A name, a model directory or a .nemo file. */
  model: string
  /** Folder of run.json, of NATS's configuration and store. */
  dataDir: string
  /** Path of a service's main.js; tests put scripts of their own there. */
  serviceMain: (service: 'router' | 'edge' | 'asr-worker') => string
  env: NodeJS.ProcessEnv
}

export interface NatsPlan {
  binary: string
  configPath: string
  port: number
}

/** On one machine memory counts more than fewer collections: audio lies outside the heap, and little else is made. */
const YOUNG_SPACE = '--max-semi-space-size=4'
/** Ctrl-C on one machine: long enough for the last words of those who speak, short enough to wait for. */
const DRAIN_MS_MAX = 8000
/** Beyond its own deadline a service hangs. */
const KILL_AFTER_DRAIN_MS = 2000
const NATS_STOP_MS_MAX = 5000

export function natsPlan({ binary, configPath, port }: NatsPlan): ProcessPlan {
  return {
    name: 'nats-server',
    command: binary,
    args: ['--config', configPath],
    env: () => ({}),
    ready: () => natsAnswers(port),
    ports: { nats: port },
    log: 'nats',
    stopMsMax: NATS_STOP_MS_MAX,
  }
}

export interface Connection {
  url: string
  /** Path of a credentials file; empty: none needed. */
  creds: string
}

export function routerPlan(options: SystemOptions, nats: Connection): ProcessPlan {
  return servicePlan(options, nats, 'router', 'router', (former) => ({
    // Edges know the router by its port, so a restarted one takes the same.
    YAP_ROUTER_PORT: String(former.grpc ?? 0),
    YAP_ROUTER_HTTP_PORT: String(former.http ?? 0),
    YAP_ROUTER_HOST: '127.0.0.1',
  }))
}

export function workerPlans(options: SystemOptions, nats: Connection): ProcessPlan[] {
  // Several workers on one machine share its cores; one core is left to everything else.
  const threads = Math.max(1, Math.floor((availableParallelism() - 1) / options.workers))
  return Array.from({ length: options.workers }, (_, index) =>
    servicePlan(options, nats, 'asr-worker', `asr-worker-${index + 1}`, () => ({
      ASR_MODEL: options.model,
      YAP_WORKER_HOST: '127.0.0.1',
      YAP_WORKER_PORT: '0',
      YAP_WORKER_HTTP_PORT: '0',
      ASR_THREADS: options.env.ASR_THREADS || String(threads),
    })),
  )
}

export function edgePlan(options: SystemOptions, nats: Connection, routerPort: number): ProcessPlan {
  return servicePlan(options, nats, 'edge', 'edge', (former) => ({
    ASR_HOST: options.host,
    // Port 0 is any free one, but only once.
    ASR_PORT: String(former.http ?? options.port),
    YAP_ROUTER: `127.0.0.1:${routerPort}`,
  }))
}

function servicePlan(
  { env, serviceMain }: SystemOptions,
  nats: Connection,
  service: 'router' | 'edge' | 'asr-worker',
  name: string,
  own: (formerPorts: Readonly<Record<string, number>>) => NodeJS.ProcessEnv,
): ProcessPlan {
  const drainMs = Number(env.YAP_DRAIN_MS_MAX) || DRAIN_MS_MAX
  return {
    name,
    command: process.execPath,
    args: ['--enable-source-maps', YOUNG_SPACE, serviceMain(service)],
    env: (formerPorts) => ({
      ...env,
      YAP_NAME: name,
      YAP_PARENT_PID: String(process.pid),
      YAP_NATS_URL: nats.url,
      YAP_NATS_CREDS: nats.creds,
      YAP_DRAIN_MS_MAX: String(drainMs),
      // The supervisor makes the lines readable; it needs them as JSON.
      YAP_LOG_PRETTY: '',
      ...own(formerPorts),
    }),
    ready: 'message',
    ports: {},
    log: 'service',
    stopMsMax: drainMs + KILL_AFTER_DRAIN_MS,
  }
}
