/** What tests use of the router; the service itself is main.ts. */
export { place, shareOf, type PendingLoad, type Placed, type PlacementRequest, type Refused } from './placement.js'
export { PendingLoads } from './pending-load.js'
export { RouterDoor, type RouterParts } from './grpc-server.js'
export { RouterMetrics } from './metrics.js'
export { Directory, type DirectoryEntry } from './directory.js'
