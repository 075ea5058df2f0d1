import { createHash, createHmac, randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Judge, type Judgement, type JudgeSettings } from '../alerts/judge.ts';
import { rehearse } from '../alerts/rehearsal.ts';
import { answer, recognise, type ToolDecision } from '../alerts/tool-hooks.ts';
import type { Clock } from '../base/clock.ts';
import { reasonOf } from '../base/errors.ts';
import type { Cause, Delivery } from '../base/protocol.ts';
import { type Body, type BodyLimits, readBody } from './body.ts';
import { soleHeader } from './headers.ts';
import { FailureLimiter } from './limiter.ts';
import type { Peer } from './peer.ts';
import type { GatePort, IntakeSource } from './ports.ts';
import { type Seen, type Trace, traceOf } from './replay.ts';
import type { Authenticator, Verdict } from './scheme.ts';
import { authenticatorOf, decoyOf } from './schemes.ts';

/** A signed body is hashed up to this many times `maxBody` before it is given up. */
const HASH_FACTOR = 4;
/** As long as a reason may be for the gate and the ledger, with what is said beside it. */
const MAX_REASON = 400;
const NOTHING = Buffer.alloc(0);

/** One request whose head has arrived. */
export interface Arrival {
  /** When, in CLOCK_MONOTONIC milliseconds. */
  readonly at: number;
  /** The part of the path after /alerts/: a source, if there is one of that name. */
  readonly name: string;
  /** What stands in the path after the name, if anything: a secret. */
  readonly rest: string | undefined;
  readonly remote: string;
  /** Whom TLS vouches for. */
  peer(): Peer | undefined;
  readonly rawHeaders: readonly string[];
  /** Content-Length, or NaN. */
  readonly declared: number;
  readonly body: Readable;
  /** Called once it is known that a configured sender sent this. */
  authenticated(): void;
  /** Called with what that sender sent. */
  received(body: Body): void;
}

export interface Answer {
  readonly status: 200 | 202 | 401 | 413 | 429 | 503;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object | '';
  /** What happened, to be recorded once the answer is out. Absent for what is too frequent to record. */
  readonly delivery?: Delivery;
  /** What the delivery is known by if it is sent again. */
  readonly trace?: Trace;
}

interface Admitted {
  readonly kind: 'authentic';
  readonly source: IntakeSource;
  readonly body: Body;
  readonly trace: Trace;
  readonly note?: string;
}

type Admission = Admitted | { readonly kind: 'refused'; readonly answer: Answer };

export interface ReceiverPorts extends JudgeSettings {
  readonly sources: readonly IntakeSource[];
  readonly maxBody: number;
  readonly gate: GatePort;
  readonly clock: Clock;
  /** What came before. Without it nothing did. */
  readonly seen?: Seen;
}

/** What is done with one request, apart from HTTP. Authenticate, judge, trip, and only then say what is to be recorded. */
export class Receiver {
  readonly #ports: ReceiverPorts;
  readonly #sources: ReadonlyMap<string, { readonly source: IntakeSource; readonly authenticate: Authenticator }>;
  readonly #decoys: readonly Authenticator[];
  readonly #judge: Judge;
  readonly #decoySeed = randomBytes(16);
  readonly #failures = new FailureLimiter();

  /** Throws `intake.secret` on a secret that is too weak. */
  constructor(ports: ReceiverPorts) {
    this.#ports = ports;
    this.#sources = new Map(
      ports.sources.map((source) => [source.name, { source, authenticate: authenticatorOf(source) }]),
    );
    this.#decoys = ports.sources.map(decoyOf);
    this.#judge = new Judge(ports, ports.sources);
  }

  rehearse(): void {
    rehearse(this.#judge, this.#ports.sources.slice(0, 1));
  }

  async alert(arrival: Arrival): Promise<Answer> {
    const admission = await this.#admit(arrival);
    if (admission.kind === 'refused') return admission.answer;
    if (admission.note !== undefined) return this.#noted(admission, admission.note);
    const judgement = this.#judgement(arrival, admission);
    return judgement.trip ? this.#trip(arrival, admission, judgement) : this.#passed(admission, judgement.why);
  }

  /**
   * A question that is asked before a tool runs. Destructive calls trip and are refused, in the form of whoever asks, also
   * when the gate did not answer: to most agents any status but 200 means that the call may run.
   */
  async tool(arrival: Arrival): Promise<Answer> {
    const admission = await this.#admit(arrival, 'tool-hook');
    if (admission.kind === 'refused') return admission.answer;
    const { body, note } = admission;
    if (note !== undefined) return hookAnswer(body, { kind: 'none' }, this.#noted(admission, note));
    const judgement = this.#judgement(arrival, admission);
    if (!judgement.trip) return hookAnswer(body, { kind: 'none' }, this.#passed(admission, judgement.why));
    const tripped = await this.#trip(arrival, admission, judgement);
    const isolated = tripped.delivery?.outcome === 'tripped' ? 'has isolated the vault and ' : '';
    const rule = judgement.rule === undefined ? '' : ` (rule ${judgement.rule})`;
    const reason = `Portcullis ${isolated}refuses this call: ${judgement.reason}${rule}`;
    return hookAnswer(body, { kind: 'deny', reason }, tripped);
  }

  async heartbeat(arrival: Arrival): Promise<Answer> {
    const admission = await this.#admit(arrival);
    if (admission.kind === 'refused') return admission.answer;
    if (admission.note !== undefined) return this.#noted(admission, admission.note);
    const delivery: Delivery = { ...this.#record(admission), outcome: 'heartbeat', detail: 'The source is alive.' };
    return { status: 202, body: { tripped: false }, delivery, trace: admission.trace };
  }

  async #admit(arrival: Arrival, format?: IntakeSource['format']): Promise<Admission> {
    const named = this.#sources.get(arrival.name);
    // Where only one format is spoken, a source of another is as good as none.
    const known = format === undefined || named?.source.format === format ? named : undefined;
    const authenticate = known?.authenticate ?? this.#decoy(arrival.name);
    const attempt = authenticate(arrival.rawHeaders, this.#ports.clock.wall(), arrival.rest, arrival.peer);
    const { maxBody } = this.#ports;
    switch (attempt.kind) {
      case 'refused':
        return this.#refuse(arrival, 401, attempt.why, 0);
      case 'authentic': {
        if (known === undefined) return this.#refuse(arrival, 401, 'There is no such source.', 0);
        arrival.authenticated();
        const body = await readBody(arrival.body, arrival.declared, { keep: maxBody, read: maxBody });
        arrival.received(body);
        return { kind: 'authentic', source: known.source, body, trace: traceOf(known.source.name, body) };
      }
      case 'signed': {
        const limits = { keep: maxBody, read: HASH_FACTOR * maxBody };
        return this.#admitSigned(arrival, known?.source, limits, attempt.update, attempt.verdict);
      }
      case 'whole': {
        // What is kept of a stranger's body is bounded by what all of them together may take.
        const limits = { keep: maxBody, read: maxBody };
        const verdict = (bytes: Buffer) => attempt.verdict(bytes);
        return this.#admitSigned(arrival, known?.source, limits, () => {}, verdict);
      }
      default:
        return attempt satisfies never;
    }
  }

  async #admitSigned(
    arrival: Arrival,
    source: IntakeSource | undefined,
    limits: BodyLimits,
    see: (chunk: Buffer) => void,
    verdictOn: (bytes: Buffer) => Verdict,
  ): Promise<Admission> {
    // Of a body that is not kept nothing could be told afterwards.
    const hash = arrival.declared <= limits.keep ? undefined : createHash('sha256');
    const body = await readBody(arrival.body, arrival.declared, limits, (chunk) => {
      see(chunk);
      hash?.update(chunk);
    });
    if (body.kind === 'cut') return this.#refuse(arrival, 401, 'The sender went away in the middle of it.', body.size);
    if (body.kind === 'oversize' && !body.complete) {
      const why = `Its body is larger than ${limits.read} bytes, so its signature was not checked: it may have been an alert.`;
      return this.#refuse(arrival, 413, why, body.size);
    }
    const verdict = verdictOn(body.kind === 'whole' ? body.bytes : NOTHING);
    if (!verdict.authentic) return this.#refuse(arrival, 401, verdict.why, body.size);
    if (source === undefined) return this.#refuse(arrival, 401, 'There is no such source.', body.size);
    arrival.authenticated();
    arrival.received(body);
    const trace = traceOf(source.name, body, { by: verdict.signed, digest: () => hash?.digest() });
    return { kind: 'authentic', source, body, trace, ...(verdict.note !== undefined && { note: verdict.note }) };
  }

  #judgement(arrival: Arrival, { source, body, trace }: Admitted): Judgement {
    const repeated = () => {
      const key = trace.key();
      return key !== undefined && this.#ports.seen?.seen(key) !== undefined;
    };
    const header = (name: string) => soleHeader(arrival.rawHeaders, name);
    return this.#judge.judge(source, { body, header, now: arrival.at, repeated });
  }

  #passed(admitted: Admitted, why: string): Answer {
    const delivery: Delivery = { ...this.#record(admitted), outcome: 'matched-none', detail: why };
    return { status: 202, body: { tripped: false }, delivery, trace: admitted.trace };
  }

  #noted(admitted: Admitted, note: string): Answer {
    const delivery: Delivery = { ...this.#record(admitted), outcome: 'noted', detail: note };
    return { status: 202, body: { tripped: false }, delivery, trace: admitted.trace };
  }

  async #trip(arrival: Arrival, admitted: Admitted, judgement: Extract<Judgement, { trip: true }>): Promise<Answer> {
    const { source, trace } = admitted;
    const { rule } = judgement;
    // The gate cuts off who breaks its schema, and would never hear of the trip.
    const reason = judgement.reason.slice(0, MAX_REASON);
    const cause: Cause = { kind: 'alert', reason, source: source.name, ...(rule !== undefined && { rule }) };
    let tripped: Awaited<ReturnType<GatePort['trip']>>;
    try {
      tripped = await this.#ports.gate.trip(cause);
    } catch (error) {
      const detail = `${reason} But the gate was not reached: ${reasonOf(error)}`.slice(0, 500);
      return { status: 503, delivery: { ...this.#record(admitted, rule), outcome: 'failed', detail }, trace };
    }
    const latencyMs = Math.round((tripped.commandedAt - arrival.at) * 1000) / 1000;
    const record = { ...this.#record(admitted, rule), latencyMs };
    if (!tripped.durable) {
      const detail = `${reason} The relay was told to drop, but the lockout is in memory only.`;
      return { status: 503, delivery: { ...record, outcome: 'failed', detail }, trace };
    }
    return {
      status: 202,
      body: { tripped: true, latencyMs },
      delivery: { ...record, outcome: 'tripped', detail: reason },
      trace,
    };
  }

  #refuse(arrival: Arrival, status: 401 | 413, why: string, size: number): Admission {
    const counted = this.#failures.fail(`${arrival.remote} ${arrival.name}`, this.#ports.clock.monotonic());
    if (counted === undefined) return { kind: 'refused', answer: { status: 429 } };
    const more = counted.unrecorded === 0 ? '' : ` ${counted.unrecorded} more before it were not recorded.`;
    const delivery: Delivery = {
      wall: this.#ports.clock.wall(),
      // A name nobody configured is the sender's text, and does not go into the record.
      source: this.#sources.has(arrival.name) ? arrival.name : '(unknown)',
      outcome: 'refused',
      detail: `From ${arrival.remote}. ${why}${more}`,
      bytes: size,
      digest: '',
    };
    return { kind: 'refused', answer: { status, delivery } };
  }

  /** The same decoy for the same name as long as this process lives. */
  #decoy(name: string): Authenticator {
    const pick = createHmac('sha256', this.#decoySeed).update(name).digest().readUInt32LE() % this.#decoys.length;
    return this.#decoys[pick] ?? (() => ({ kind: 'refused', why: 'There is no such source.' }));
  }

  #record({ source, body, trace }: Admitted, rule?: string): Omit<Delivery, 'outcome' | 'detail'> {
    return {
      wall: this.#ports.clock.wall(),
      source: source.name,
      bytes: body.size,
      digest: trace.digest(),
      ...(rule !== undefined && { rule }),
    };
  }
}

/** `decision` in the form of whoever asked. Without a body where that is the form of an answer. */
function hookAnswer(body: Body, decision: ToolDecision, { delivery, trace }: Answer): Answer {
  const asked = body.kind === 'whole' ? parse(body.bytes) : undefined;
  const said = answer(recognise(asked)?.dialect ?? 'generic', asked, decision);
  return { ...said, body: said.body ?? '', ...(delivery && { delivery }), ...(trace && { trace }) };
}

/** The JSON of `bytes`, or undefined. */
function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
