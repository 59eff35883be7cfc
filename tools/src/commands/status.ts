/** `yap status`: what runs here, and how busy it is. */
import { resolve } from 'node:path'
import { Option } from 'commander'
import type { Register } from '../cli.js'
import { UsageError } from '../usage-error.js'
import { DEFAULT_DATA_DIR } from './start.js'

interface StatusOptions {
  dataDir: string
  json: boolean
}

export const registerStatus: Register = (program) => {
  program
    .command('status')
    .description('show what `yap start` runs here: processes, sessions, slots, step time')
    .addOption(new Option('--data-dir <folder>', 'that of the run').default(DEFAULT_DATA_DIR, '.yap'))
    .addOption(new Option('--json', 'run.json and what each process says, as JSON').default(false))
    .action(async (options: StatusOptions) => {
      const { readStatus } = await import('../status/read-status.js')
      const { statusTable } = await import('../status/status-table.js')
      const status = await readStatus(resolve(options.dataDir))
      if (!status) throw new UsageError('nothing runs here; `npm start` (or `npx yap start`) starts it')
      process.stdout.write(options.json ? `${JSON.stringify(status, undefined, 2)}\n` : statusTable(status))
    })
}
