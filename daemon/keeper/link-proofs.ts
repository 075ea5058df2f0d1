import type { Clock } from '../base/clock.ts';
import type { GateView, Reading, ReportedProof } from '../base/protocol.ts';

type Link = GateView['link'];

/** What one proof says, and why it can say nothing, or not as well as it should. */
export interface Finding {
  readonly reading: Reading;
  /** For a person, at most 500 characters. Absent where nothing is wrong with the measuring. */
  readonly caveat?: string;
}

/**
 * One way to measure whether the link is alive, seen from the keeper. Nothing here waits: `find` is what is known now, and
 * a measurement that hangs delays nobody.
 */
export interface LinkProof {
  /** The newest finding: *unknown* before the first one, and wherever the link cannot be told. */
  find(): Finding;
  /** Begins to measure. `changed` is called in the turn in which `find` begins to say something else. */
  start(changed: () => void): void;
  /** Measures now, whatever was under way, and from now on often or seldom. */
  look(often: boolean): void;
  /** Ends what is under way and leaves nothing behind. Works before `start`, and twice. */
  stop(): void;
}

/** The proofs that need the network and that only the keeper can take: they can block or isolate, never connect. */
export class LinkProofs {
  readonly #proofs: readonly (readonly [ReportedProof, LinkProof])[];
  #link: Link | undefined;

  /** A key for each proof that is configured. */
  constructor(proofs: Readonly<Partial<Record<ReportedProof, LinkProof>>>) {
    this.#proofs = Object.entries(proofs) as [ReportedProof, LinkProof][];
  }

  /** What is reported: a key for each proof that is configured. */
  read(): Partial<Record<ReportedProof, Reading>> {
    return Object.fromEntries(this.#proofs.map(([name, proof]) => [name, proof.find().reading]));
  }

  /** What wants attention, in sentences. */
  caveats(): string[] {
    return this.#proofs.flatMap(([, proof]) => proof.find().caveat ?? []);
  }

  /** `changed`: a reading or a caveat is another one now. */
  start(changed: () => void): void {
    for (const [, proof] of this.#proofs) proof.start(changed);
  }

  /** What the gate says of the link: on every change all proofs are taken at once, and often unless it is isolated. */
  follow(link: Link | undefined): void {
    if (link === this.#link) return;
    this.#link = link;
    for (const [, proof] of this.#proofs) proof.look(link !== undefined && link !== 'isolated');
  }

  stop(): void {
    for (const [, proof] of this.#proofs) proof.stop();
  }
}

/** How often a proof is taken: while something may change at any time, and while the link lies isolated. */
export const OFTEN_MS = 1000;
export const SELDOM_MS = 30_000;

/** One timer at a time. */
export class Alarm {
  readonly #clock: Clock;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  set(ms: number, run: () => void): void {
    this.clear();
    this.#cancel = this.#clock.after(ms, run);
  }

  clear(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
