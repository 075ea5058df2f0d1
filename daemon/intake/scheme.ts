import type { Secret } from '../base/secret.ts';
import type { Peer } from './peer.ts';
import type { AuthOf, SchemeName, SettingsOf } from './ports.ts';

/** One way of telling a sender from a stranger. */
export interface Scheme<S extends SchemeName> {
  /** What is wrong with `secret` as the end of a sentence that starts with its name, or undefined. Never quotes it. */
  fault(secret: Secret): string | undefined;
  /** A random secret this scheme accepts, of the same kind as `like`. */
  generate(like: Secret): Secret;
  /** Settings of the same kind that nobody matches. For a scheme that tells senders by its settings, not by secrets. */
  unlike?(settings: SettingsOf<S>): SettingsOf<S>;
  /** What a request proves that this scheme accepts. */
  strength(settings: SettingsOf<S>): Strength;
  /** Prepares the secrets, which must be without fault. */
  authenticator(auth: AuthOf<S>): Authenticator;
}

/** From strong to weak, in the words an operator reads. */
export type Strength =
  | 'signed body + time'
  | 'signed body, replayable'
  | 'client certificate (TLS)'
  | 'shared secret in a header'
  | 'secret in the URL: appears in logs';

/**
 * Looks at a request's head. `rawHeaders` are name, value, name, value … as received; `wall` is when, in ms since the
 * epoch; `rest` is what stands in the path after the source's name; `peer` is whom TLS vouches for.
 */
export type Authenticator = (
  rawHeaders: readonly string[],
  wall: number,
  rest?: string,
  peer?: () => Peer | undefined,
) => Attempt;

export type Attempt =
  /** The head alone refuses it. */
  | { readonly kind: 'refused'; readonly why: string }
  /** The head alone proves it. */
  | { readonly kind: 'authentic' }
  /** The body is signed: feed every byte of it to `update`, in order, then ask once. */
  | { readonly kind: 'signed'; update(chunk: Buffer): void; verdict(): Verdict }
  /** The body is signed in a way that needs all of it at once. */
  | { readonly kind: 'whole'; verdict(body: Buffer): Verdict };

export type Verdict =
  /**
   * `note`: it is no alert, and this is what the operator must know of it. `signed`: what tells it from everything else
   * that its sender ever signs, where that is not its body.
   */
  | { readonly authentic: true; readonly note?: string; readonly signed?: SignedAs }
  | { readonly authentic: false; readonly why: string };

/** Its body with the time that is signed too, in ms since the epoch; or instead of the body the text that is signed. */
export type SignedAs = { readonly at: number } | { readonly text: Buffer };

export function refused(why: string): Extract<Attempt, { kind: 'refused' }> {
  return { kind: 'refused', why };
}
