#!/usr/bin/env node
/** The `yap` command. Compiles once where that has not happened yet (a bare `npm ci` runs no scripts). */
import { compileIfMissing, orExit } from './prepare.mjs'

orExit(compileIfMissing)
const { main } = await import('../tools/dist/cli.js')
await main(process.argv)
