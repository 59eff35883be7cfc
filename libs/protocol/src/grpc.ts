/**
 * The gRPC services, generated from proto/*.proto (`npm run gen`). A door of its own, `@yap/protocol/grpc`, because it loads
 * grpc-js, which clients and tools that only need messages should not carry.
 */
export * from './gen/router.js'
export {
  WorkerService,
  WorkerClient,
  DrainRequest,
  DrainResponse,
  WorkerStatusRequest,
  WorkerStatusResponse,
  type WorkerServer,
} from './gen/worker.js'
