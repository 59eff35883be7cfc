/** Ids that may become part of a NATS subject. They are made by the server only; nothing that a client says ever is one. */
import { randomFillSync } from 'node:crypto'

declare const brand: unique symbol
/** `[0-9a-z]{1,32}`. The brand can be had from the functions below and nowhere else. */
export type Id = string & { readonly [brand]: 'Id' }

const PATTERN = /^[0-9a-z]{1,32}$/
const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz'
/** 25 characters of 36 are 129 bits: two sessions never meet. */
const RANDOM_CHARS = 25

export function isId(value: unknown): value is Id {
  return typeof value === 'string' && PATTERN.test(value)
}

/** The value as an id; throws a RangeError for anything else. */
export function asId(value: string): Id {
  if (!isId(value))
    throw new RangeError(`${JSON.stringify(value.slice(0, 64))} is not an id: 1 to 32 characters of 0-9 and a-z`)
  return value
}

/** A fresh id from the system's random source. */
export function randomId(chars: number = RANDOM_CHARS): Id {
  let id = ''
  const bytes = new Uint8Array(chars * 2)
  while (id.length < chars) {
    randomFillSync(bytes)
    for (const byte of bytes) {
      // 252 is the largest multiple of 36 that a byte holds; values above it would favour the first characters.
      if (byte < 252 && id.length < chars) id += ALPHABET[byte % 36]
    }
  }
  return asId(id)
}

/**
 * Name of one run of a process: its given name, and 8 random characters that change with each start. What it says
 * under another incarnation is somebody else's word.
 */
export function processId(name: string): Id {
  const stem = name
    .toLowerCase()
    .replaceAll(/[^0-9a-z]/g, '')
    .slice(0, 24)
  return asId((stem || 'p') + randomId(8))
}
