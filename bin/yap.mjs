#!/usr/bin/env node
/** The `yap` command. Builds the TypeScript once where that has not happened yet (a fresh `npm ci` runs no scripts). */
import { buildIfMissing } from './build.mjs'

buildIfMissing()
const { main } = await import('../tools/dist/cli.js')
await main(process.argv)
