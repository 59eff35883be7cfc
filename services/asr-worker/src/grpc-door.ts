/** The worker's gRPC door: Drain and Status. */
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { LIMITS } from '@yap/protocol'
import { DrainResponse, WorkerService, WorkerStatusResponse, type WorkerServer } from '@yap/protocol/grpc'
import type { Drain } from './drain.js'
import type { Standing } from './standing.js'

const SHUTDOWN_MS_MAX = 1_000

export class GrpcDoor {
  readonly #server = new Server({ 'grpc.max_receive_message_length': LIMITS.controlMessageBytesMax })

  /** @param drainMs deadline of a Drain that names none */
  constructor(standing: Standing, drain: Drain, drainMs: number) {
    const handlers: WorkerServer = {
      drain: (call, reply) => {
        void drain.begin(call.request.deadlineMs || drainMs)
        reply(null, DrainResponse.fromPartial({ sessions: standing.status().sessions }))
      },
      status: (_call, reply) => reply(null, WorkerStatusResponse.fromPartial(standing.status())),
    }
    this.#server.addService(WorkerService, handlers)
  }

  /** Listens; returns the port. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
        if (error) reject(new Error(`gRPC port ${port} on ${host} cannot be used: ${error.message}`, { cause: error }))
        else resolve(bound)
      })
    })
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      const force = setTimeout(() => this.#server.forceShutdown(), SHUTDOWN_MS_MAX)
      this.#server.tryShutdown(() => {
        clearTimeout(force)
        resolve()
      })
    })
  }
}
