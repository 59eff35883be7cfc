/** `npm start`: prepares the checkout, then runs `yap start` in this same process, so that signals need no passing on. */
import { orExit, prepare } from './prepare.mjs'

orExit(prepare)
const { main } = await import('../tools/dist/cli.js')
await main([...process.argv.slice(0, 2), 'start', ...process.argv.slice(2)])
