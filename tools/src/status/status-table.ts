/** The status as a table for people. */
import type { ProcessStatus, SystemStatus } from './read-status.js'

const COLUMNS = [
  'process',
  'pid',
  'state',
  'sessions',
  'slots',
  'step ms p50/p95',
  'busy',
  'restarts',
  'ports',
] as const

/** Numbers stand right, words left. */
const RIGHT = new Set<string>(['pid', 'sessions', 'slots', 'step ms p50/p95', 'busy', 'restarts'])

export function statusTable(status: SystemStatus, nowMs = Date.now()): string {
  const rows = [COLUMNS, ...status.processes.map(row)]
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        RIGHT.has(COLUMNS[column] ?? '') ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd()
  const head = `${status.address}  model ${status.model}  up ${duration(nowMs - Date.parse(status.startedAt))}`
  return `${head}\n\n${rows.map(line).join('\n')}\n`
}

function row({ name, pid, state, restarts, ports, status = {} }: ProcessStatus): string[] {
  const p50 = status.stepMsP50
  const p95 = status.stepMsP95
  return [
    name,
    String(pid),
    state,
    number(status.sessions),
    number(status.slots),
    typeof p50 === 'number' && typeof p95 === 'number' ? `${p50.toFixed(1)}/${p95.toFixed(1)}` : '',
    typeof status.busyShare === 'number' ? `${Math.round(status.busyShare * 100)}%` : '',
    String(restarts),
    Object.entries(ports)
      .map(([use, port]) => `${use} ${port}`)
      .join(', '),
  ]
}

const number = (value: unknown) => (typeof value === 'number' ? String(value) : '')

/** "3 h 12 min", "45 s" */
function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
