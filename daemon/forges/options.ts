import type { Clock } from '../base/clock.ts';
import type { Secret } from '../base/secret.ts';

/** What every client needs. */
export interface ForgeOptions {
  /** Where the forge is: `https://api.github.com`, `https://gitlab.example`. */
  readonly url: string;
  /** Organisation, group or user whose repositories are meant. */
  readonly owner: string;
  readonly token: Secret;
  /** An existing folder for what answers said before, so that only changes are sent again. Nothing of class secret goes there. */
  readonly cache: string;
  readonly clock: Clock;
}
