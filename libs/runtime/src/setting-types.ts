/** How one setting is declared: its schema, what it means, its unit and who reads it. */
import { z } from 'zod'

export type Service = 'edge' | 'router' | 'asr-worker' | 'all' | 'tools'

export interface SettingDeclaration<T> {
  readonly schema: z.ZodType<T>
  /** As text, the way it would be set; undefined: there is none. */
  readonly default: string | undefined
  /** What it does and what follows from changing it. */
  readonly doc: string
  readonly unit: string
  /** Allowed values, for people. */
  readonly range: string
  readonly readBy: readonly Service[]
  /** Never printed. */
  readonly secret: boolean
}

interface Common {
  doc: string
  readBy: readonly Service[]
}

/** A whole number within bounds. */
export function whole(
  o: Common & { default: number; min: number; max: number; unit?: string },
): SettingDeclaration<number> {
  const wrong = `must be a whole number from ${o.min} to ${o.max}${o.unit ? ` ${o.unit}` : ''}`
  const schema = z
    .string()
    .regex(/^-?\d+$/, wrong)
    .transform(Number)
    .refine((n) => n >= o.min && n <= o.max, wrong)
  return declare(schema, { ...o, default: String(o.default), range: `${o.min}–${o.max}` })
}

/** Text; an empty default means "not set". */
export function text(
  o: Common & { default: string; range?: string; pattern?: RegExp; secret?: boolean },
): SettingDeclaration<string> {
  const range = o.range ?? 'text'
  const schema = o.pattern ? z.string().regex(o.pattern, `must be ${range}`) : z.string()
  return declare(schema, { ...o, range })
}

/** One of a few words. */
export function oneOf<const W extends string>(o: Common & { default: W; words: readonly W[] }): SettingDeclaration<W> {
  return declare(z.enum(o.words as [W, ...W[]], { error: `must be one of ${o.words.join(', ')}` }), {
    ...o,
    range: o.words.join(', '),
  })
}

export function flag(o: Common & { default: boolean }): SettingDeclaration<boolean> {
  const schema = z
    .enum(['true', 'false', '1', '0'], { error: 'must be true or false' })
    .transform((v) => v === 'true' || v === '1')
  return declare(schema, { ...o, default: String(o.default), range: 'true, false' })
}

function declare<T>(
  schema: z.ZodType<T>,
  o: Common & { default: string; range: string; unit?: string; secret?: boolean },
): SettingDeclaration<T> {
  return {
    schema,
    default: o.default,
    doc: o.doc,
    unit: o.unit ?? '',
    range: o.range,
    readBy: o.readBy,
    secret: o.secret ?? false,
  }
}
