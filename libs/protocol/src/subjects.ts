/** Every NATS subject and KV key, built here and written nowhere else. Arguments are ids, so no wildcard or dot can slip in. */
import { asId, isId, type Id } from './ids.js'

/** Audio, edge -> worker. */
export const audioSubject = (worker: Id, session: Id): string => `yap.audio.${asId(worker)}.${asId(session)}`
/** Results, worker -> edge. */
export const textSubject = (edge: Id, session: Id): string => `yap.text.${asId(edge)}.${asId(session)}`
/** Request and reply: take this session. */
export const bindSubject = (worker: Id): string => `yap.bind.${asId(worker)}`
/** Heartbeats of one worker. */
export const beatSubject = (worker: Id): string => `yap.beat.${asId(worker)}`

/** One subscription a process: everything for this worker, this edge, or from all workers. */
export const audioSubjects = (worker: Id): string => `yap.audio.${asId(worker)}.*`
export const textSubjects = (edge: Id): string => `yap.text.${asId(edge)}.*`
export const beatSubjects = (): string => 'yap.beat.*'

/** The session at the end of an audio or text subject; undefined where it is none. */
export function sessionOfSubject(subject: string): Id | undefined {
  const last = subject.slice(subject.lastIndexOf('.') + 1)
  return isId(last) ? last : undefined
}

/** JetStream KV bucket of the session directory (who serves whom). Written behind; nobody waits for it. */
export const DIRECTORY_BUCKET = 'yap_sessions'
export const directoryKey = (session: Id): string => `session.${asId(session)}`
