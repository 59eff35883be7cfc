/** `yap start` with fake services: the supervisor as it is, and nothing to wait for. Options come as JSON in the first argument. */
import { fileURLToPath } from 'node:url'
import { runSystem } from '@yap/tools'

const options = JSON.parse(process.argv[2] ?? '{}') as { dataDir: string; port: number; workers: number }
try {
  process.exitCode = await runSystem({
    ...options,
    host: '127.0.0.1',
    model: 'demo-digits-en',
    jsonLogs: false,
    logLevel: 'info',
    env: process.env,
    serviceMain: () => fileURLToPath(new URL('fake-service.js', import.meta.url)),
  })
} catch (error) {
  process.stderr.write(`yap: ${(error as Error).message}\n`)
  process.exitCode = 2
}
