import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { Cluster } from '../support/cluster.js'
import { repositoryDir } from '../support/shared-dir.js'

const status = (dataDir: string, ...args: string[]) =>
  new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const command = [join(repositoryDir, 'bin/yap.mjs'), 'status', '--data-dir', dataDir, ...args]
    execFile(process.execPath, command, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    )
  })

// Goal: `yap status` tells what runs, where, and how busy it is; and when nothing runs, how to start it.
// Method: the command in a process of its own against a system with fake services, which say 2 sessions of 8 slots.
describe('yap status', function () {
  this.timeout(60_000)

  it('prints a table of the processes, and as JSON everything they say', async () => {
    const cluster = await Cluster.start({ services: 'fake', workers: 2 })
    try {
      const table = await status(cluster.dataDir)
      expect(table.code).to.equal(0)
      const worker = await cluster.process('asr-worker-2')
      expect(table.stdout).to.include(await cluster.address())
      expect(table.stdout).to.match(
        new RegExp(`asr-worker-2 +${worker.pid} +ready +2 +8 +3\\.5/4\\.5 .*http ${worker.ports.http}`),
      )
      expect(table.stdout).to.match(/nats-server +\d+ +ready/)
      const json = await status(cluster.dataDir, '--json')
      const { processes } = JSON.parse(json.stdout) as { processes: { name: string; status?: { slots: number } }[] }
      expect(processes.find(({ name }) => name === 'asr-worker-1')?.status?.slots).to.equal(8)
    } finally {
      await cluster.stop()
    }
  })

  it('says how to start where nothing runs', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'yap-empty-'))
    try {
      const { code, stderr } = await status(empty)
      expect(code).to.equal(2)
      expect(stderr).to.include('nothing runs here').and.include('npm start')
    } finally {
      await rm(empty, { recursive: true })
    }
  })
})
