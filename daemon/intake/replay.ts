import { createHash } from 'node:crypto';
import { isoTime } from '../base/clock.ts';
import type { Delivery } from '../base/protocol.ts';
import type { Body } from './body.ts';
import type { SignedAs } from './scheme.ts';

/** Most deliveries that are remembered; then the oldest are forgotten. */
export const CAPACITY = 65_536;

/** Which deliveries came before. Asking waits for nothing. */
export interface Seen {
  /** When a delivery of this key was first seen, in milliseconds since the epoch, or undefined. */
  seen(key: string): number | undefined;
  note(key: string, wall: number): void;
}

export class SeenDeliveries implements Seen {
  readonly #capacity: number;
  /** Oldest first. */
  readonly #first = new Map<string, number>();

  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
  }

  seen(key: string): number | undefined {
    return this.#first.get(key);
  }

  note(key: string, wall: number): void {
    if (this.#first.has(key)) return;
    this.#first.set(key, wall);
    if (this.#first.size <= this.#capacity) return;
    for (const oldest of this.#first.keys()) {
      this.#first.delete(oldest);
      break;
    }
  }

  /** Adds what was seen before everything that is here. */
  precede(earlier: readonly (readonly [key: string, wall: number])[]): void {
    const later = [...this.#first];
    this.#first.clear();
    for (const [key, wall] of earlier) this.note(key, wall);
    for (const [key, wall] of later) this.note(key, wall);
  }

  /** Oldest first. */
  entries(): readonly (readonly [key: string, wall: number])[] {
    return [...this.#first];
  }
}

/** What a delivery is known by. Each is computed when it is first asked for, and once. */
export interface Trace {
  /** SHA-256 of the body in hex, or nothing where it was not kept. */
  digest(): string;
  /**
   * The same for another delivery of the source only if that is this one again. Undefined where nothing is signed: such a
   * sender may say the same as often as he likes.
   */
  key(): string | undefined;
}

/** How a delivery was signed. The id that senders give it counts for nothing: it is seldom signed. */
export interface SignedBody {
  readonly by: SignedAs | undefined;
  /** SHA-256 of a body that was not kept, or undefined. Is called once at most. */
  digest(): Buffer | undefined;
}

export function traceOf(source: string, body: Body, signed?: SignedBody): Trace {
  const digest = once(() => (body.kind === 'whole' ? sha256(body.bytes) : undefined));
  const key = once(() => {
    const known = signed && (digest() ?? signed.digest());
    return known && keyOf(source, identity(known, signed.by));
  });
  return { digest: () => digest()?.toString('hex') ?? '', key };
}

function once<T>(compute: () => T): () => T {
  let known: { readonly value: T } | undefined;
  return () => {
    known ??= { value: compute() };
    return known.value;
  };
}

/** The same body at another signed time is another delivery: a heartbeat that always says the same is none the less a new one. */
function identity(body: Buffer, by: SignedAs | undefined): Buffer {
  if (by === undefined) return body;
  return 'text' in by ? sha256(by.text) : sha256(Buffer.concat([body, Buffer.from(`@${by.at}`)]));
}

/** Bytes of a key. */
export const KEY_BYTES = 40;

function keyOf(source: string, digest: Buffer): string {
  return Buffer.concat([sha256(Buffer.from(source)).subarray(0, KEY_BYTES - 32), digest]).toString('latin1');
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/**
 * What is recorded of a delivery known by `key`, of which note is taken. It has been obeyed already, seen before or not;
 * only a sign of life must be a new one.
 */
export function recorded(delivery: Delivery, key: string | undefined, seen: Seen): Delivery {
  const firstSeenWall = key === undefined ? undefined : seen.seen(key);
  if (firstSeenWall === undefined) {
    // What failed is sent again, and then has to count as if it had never come.
    if (key !== undefined && delivery.outcome !== 'failed') seen.note(key, delivery.wall);
    return delivery;
  }
  const repeated = { ...delivery, replay: true, firstSeenWall };
  if (delivery.outcome !== 'heartbeat') return repeated;
  const detail = `It was sent before, first at ${isoTime(firstSeenWall)}: a repetition is no sign of life.`;
  return { ...repeated, outcome: 'matched-none', detail };
}
