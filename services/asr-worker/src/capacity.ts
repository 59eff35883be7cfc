/** Sizes that follow from the machine: threads of a step, and slots. */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** Rows allocated when the number of slots is to follow from warm-up. Memory of rows that nobody uses is never touched. */
export const SLOTS_ALLOCATED = 256
/** Slots for copies of idle tails, beside those of sessions. */
export const SCRATCH_SLOTS = 4
const SLOTS_MIN = 4

/** Cores that this process may use: a container's CPU quota counts, not the cores of its machine. */
export function coreCount(cpuMaxPath = '/sys/fs/cgroup/cpu.max'): number {
  const cores = availableParallelism()
  try {
    const [quota, period] = readFileSync(cpuMaxPath, 'utf8').trim().split(' ').map(Number)
    return quota && period ? Math.max(1, Math.min(cores, Math.ceil(quota / period))) : cores
  } catch {
    // No cgroup v2 here, so no quota of that kind.
    return cores
  }
}

/** Threads of one step: as set, or the cores less one, which sockets and other processes need. */
export function stepThreads(setting: number, cores = coreCount()): number {
  return setting > 0 ? setting : Math.max(1, cores - 1)
}

/** Slots that sessions may have: as set, or twice what measured steps can serve, so that failovers find room. */
export function sessionSlots(setting: number, shareOfOne: number): number {
  if (setting > 0) return setting
  return Math.min(SLOTS_ALLOCATED, Math.max(SLOTS_MIN, Math.ceil(2 / shareOfOne)))
}
