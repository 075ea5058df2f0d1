import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../base/secret.ts';
import type { Attempt, Verdict } from './scheme.ts';

/** What the schemes that sign bodies have in common. */

export type Algorithm = 'sha256' | 'sha512';
const LENGTH: Readonly<Record<Algorithm, number>> = { sha256: 32, sha512: 64 };

export interface Signed {
  readonly keys: readonly KeyObject[];
  /** Default: sha256. */
  readonly algorithm?: Algorithm;
  /** The signatures the request carries, decoded. One that is not as long as the hash never fits. */
  readonly given: readonly Buffer[];
  /** What is signed before and after the body, as the head has it (latin1). */
  readonly before?: string;
  readonly after?: string;
  /** How old the signed timestamp is, and may be. Without it there is none. */
  readonly age?: Age;
}

export interface Age {
  /** The signed time, and how old it is, in ms. */
  readonly at: number;
  readonly ms: number;
  readonly toleranceMs: number;
}

/** An HMAC over the bytes of the body as they arrive; any key may have made any of the signatures. */
export function hmacAttempt({ keys, algorithm = 'sha256', given, before = '', after = '', age }: Signed): Attempt {
  const macs = keys.map((key) => createHmac(algorithm, key).update(before, 'latin1'));
  return {
    kind: 'signed',
    update(chunk) {
      for (const mac of macs) mac.update(chunk);
    },
    verdict() {
      let signed = false;
      for (const mac of macs) {
        const wanted = mac.update(after, 'latin1').digest();
        for (const entry of given) signed = sameBytes(entry, wanted) || signed;
      }
      return judged(signed, age);
    },
  };
}

/** The time is judged last, so that only a sender hears of his clock. */
export function judged(signed: boolean, age?: Age): Verdict {
  if (!signed) return { authentic: false, why: 'Its signature is wrong.' };
  if (age !== undefined && !(Math.abs(age.ms) <= age.toleranceMs)) return { authentic: false, why: staleness(age.ms) };
  return age === undefined ? { authentic: true } : { authentic: true, signed: { at: age.at } };
}

function staleness(ageMs: number): string {
  const seconds = Math.round(Math.abs(ageMs) / 1000);
  const where = ageMs > 0 ? 'ago' : 'in the future';
  return `Its signature is right but was made ${seconds} s ${where}: a replay, or one of the two clocks is wrong.`;
}

/** timingSafeEqual throws on another length, and a length is no secret. */
function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** The bytes `text` stands for, or undefined when it is written in any other way or is of another length. */
export function decoded(text: string, encoding: 'hex' | 'base64', length: number): Buffer | undefined {
  const bytes = Buffer.from(text, encoding);
  // Node passes over what does not belong there, so that many texts would stand for the same bytes.
  const written = encoding === 'hex' ? text.toLowerCase() : text;
  return bytes.length === length && bytes.toString(encoding) === written ? bytes : undefined;
}

export function digestOf(text: string, encoding: 'hex' | 'base64', algorithm: Algorithm = 'sha256') {
  return decoded(text, encoding, LENGTH[algorithm]);
}

/** Seconds since 1970 as the schemes write them, in milliseconds. */
export function secondsOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,11}$/.test(text) ? Number(text) * 1000 : undefined;
}

/** The secret as the key of an HMAC. */
export function keysOf(secrets: readonly Secret[]): readonly KeyObject[] {
  return secrets.map((secret) => createSecretKey(secret.reveal()));
}
