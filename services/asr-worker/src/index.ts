/** The parts of the worker, for its tests and simulations. The service itself is main.ts. */
export * from './buckets.js'
export * from './cost-model.js'
export * from './scheduler-core.js'
export * from './slots.js'
