/** Word error rate: the fewest substitutions, insertions and deletions between two texts, over the reference's words. */

export interface WordErrors {
  errors: number
  words: number
}

export function wordErrors(reference: string, hypothesis: string): WordErrors {
  const ref = reference.split(/\s+/).filter(Boolean)
  const hyp = hypothesis.split(/\s+/).filter(Boolean)
  let row = Array.from({ length: hyp.length + 1 }, (_, j) => j)
  for (const [i, word] of ref.entries()) {
    const next = [i + 1]
    for (const [j, other] of hyp.entries()) {
      next.push(Math.min(row[j]! + (word === other ? 0 : 1), row[j + 1]! + 1, next[j]! + 1))
    }
    row = next
  }
  return { errors: row.at(-1)!, words: ref.length }
}

export function errorRate(all: readonly WordErrors[]): string {
  const errors = all.reduce((sum, e) => sum + e.errors, 0)
  const words = all.reduce((sum, e) => sum + e.words, 0)
  return `${((100 * errors) / words).toFixed(1)} % (${errors} of ${words} words)`
}
