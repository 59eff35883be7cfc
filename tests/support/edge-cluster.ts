/** nats-server, router and edge as real processes, and workers without a model; everything is stopped by `stop`. */
import { FakeWorker } from './fake-worker.js'
import { NatsServer } from './nats-server.js'
import { ServiceProcess } from './service-process.js'

export interface ClusterOptions {
  workers?: number
  /** Settings of the edge. */
  edge?: Readonly<Record<string, string>>
}

export class EdgeCluster {
  readonly nats: NatsServer
  readonly router: ServiceProcess
  readonly edge: ServiceProcess
  readonly workers: FakeWorker[] = []

  private constructor(nats: NatsServer, router: ServiceProcess, edge: ServiceProcess) {
    this.nats = nats
    this.router = router
    this.edge = edge
  }

  static async start({ workers = 1, edge = {} }: ClusterOptions = {}): Promise<EdgeCluster> {
    const nats = await NatsServer.start()
    const common = { YAP_NATS_URL: nats.url, YAP_DRAIN_MS_MAX: '5000' }
    const router = await ServiceProcess.start('router', { ...common, YAP_ROUTER_PORT: '0', YAP_ROUTER_HTTP_PORT: '0' })
    const routers = `127.0.0.1:${router.port('grpc')}`
    const edgeProcess = await ServiceProcess.start('edge', { ...common, ASR_PORT: '0', YAP_ROUTER: routers, ...edge })
    const cluster = new EdgeCluster(nats, router, edgeProcess)
    for (let i = 0; i < workers; i++) await cluster.addWorker(`fake-${i}`)
    return cluster
  }

  /** Port of WebSockets and http. */
  get port(): number {
    return this.edge.port('http')
  }

  async addWorker(name: string): Promise<FakeWorker> {
    const worker = await FakeWorker.start(this.nats.url, name)
    this.workers.push(worker)
    return worker
  }

  async stop(): Promise<void> {
    await this.edge.stop()
    await this.router.stop()
    for (const worker of this.workers) await worker.kill()
    await this.nats.stop()
  }
}
