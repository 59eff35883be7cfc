/**
 * One trace a session: a span from `init` to its end, with a child for each search for a worker, each bind and each turn.
 *
 * It holds times, counts and names of our own; never text, audio, or what a client calls itself. Without an OTLP endpoint
 * the spans go nowhere and cost next to nothing.
 */
import { SpanStatusCode, trace, context, type Span, type Tracer } from '@opentelemetry/api'
import type { Said } from './session-events.js'

export class SessionTrace {
  readonly #tracer: Tracer
  readonly #session: Span
  #turn: Span | undefined
  #ended = false

  constructor(tracer: Tracer, attributes: { session: string; lookAhead: string; decoder: string }) {
    this.#tracer = tracer
    this.#session = tracer.startSpan('session', {
      attributes: {
        'yap.session': attributes.session,
        'yap.att_ctx': attributes.lookAhead,
        'yap.decoder': attributes.decoder,
      },
    })
  }

  /** A span for `what` (place, bind) while it is on the way; call the result with how it ended. */
  begin(what: 'place' | 'bind', attributes: Record<string, string | number> = {}): (outcome: string) => void {
    const span = this.#child(what, attributes)
    return (outcome) => {
      span.setAttribute('yap.outcome', outcome)
      span.end()
    }
  }

  /** Something happened that has no length: a failover, a stall. */
  event(name: string): void {
    this.#session.addEvent(name)
  }

  /** A turn's span is from its first words to its final. */
  said(message: Said): void {
    if (message.op === 'ack') return
    this.#turn ??= this.#child('turn', { 'yap.turn': message.turn })
    if (message.op !== 'final') return
    this.#turn.end()
    this.#turn = undefined
  }

  /** @param error code of the error that ended the session */
  end(error?: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#turn?.end()
    this.#turn = undefined
    if (error !== undefined) this.#session.setStatus({ code: SpanStatusCode.ERROR, message: error })
    this.#session.end()
  }

  #child(name: string, attributes: Record<string, string | number>): Span {
    return this.#tracer.startSpan(name, { attributes }, trace.setSpan(context.active(), this.#session))
  }
}
