import type { Secret } from '../base/secret.ts';
import type { AuthOf, SchemeName } from './ports.ts';

/** One way of telling a sender from a stranger. */
export interface Scheme<S extends SchemeName> {
  /** What is wrong with `secret` as the end of a sentence that starts with its name, or undefined. Never quotes it. */
  fault(secret: Secret): string | undefined;
  /** A random secret this scheme accepts. */
  generate(): Secret;
  /** Prepares the secrets, which must be without fault. */
  authenticator(auth: AuthOf<S>): Authenticator;
}

/** Looks at a request's head. `rawHeaders` are name, value, name, value … as received; `wall` is when, in ms since the epoch. */
export type Authenticator = (rawHeaders: readonly string[], wall: number) => Attempt;

export type Attempt =
  /** The head alone refuses it. */
  | { readonly kind: 'refused'; readonly why: string }
  /** The head alone proves it. */
  | { readonly kind: 'authentic' }
  /** The body is signed: feed every byte of it to `update`, in order, then ask once. */
  | { readonly kind: 'signed'; update(chunk: Buffer): void; verdict(): Verdict };

type Verdict = { readonly authentic: true } | { readonly authentic: false; readonly why: string };
