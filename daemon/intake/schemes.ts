import { PortcullisError } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import type { AuthOf, IntakeSource, SchemeName } from './ports.ts';
import type { Authenticator, Scheme } from './scheme.ts';
import { bearer } from './scheme-bearer.ts';
import { standardWebhooks } from './scheme-standard-webhooks.ts';

const SCHEMES: { readonly [S in SchemeName]: Scheme<S> } = {
  bearer,
  'standard-webhooks': standardWebhooks,
};

/** Why `secret` is too weak or malformed for `scheme`, as the end of a sentence that starts with its name. Never quotes it. */
export function secretFault(scheme: SchemeName, secret: Secret): string | undefined {
  return SCHEMES[scheme].fault(secret);
}

/** Throws `intake.secret` on the first secret that is too weak. */
export function authenticatorOf(source: IntakeSource): Authenticator {
  for (const [index, secret] of source.auth.secrets.entries()) {
    const fault = secretFault(source.auth.scheme, secret);
    if (fault !== undefined)
      throw new PortcullisError('intake.secret', `Secret ${index + 1} of alert source ${source.name} ${fault}.`);
  }
  return prepare(source.auth.scheme, source.auth);
}

/**
 * An authenticator that does the same work as that of `source` and knows none of its secrets. Requests to names that do
 * not exist go through one, so that they take the same answers and the same time as a wrong secret.
 */
export function decoyOf(source: IntakeSource): Authenticator {
  const { auth } = source;
  const secrets = auth.secrets.map(() => SCHEMES[auth.scheme].generate());
  return prepare(auth.scheme, { ...auth, secrets });
}

function prepare<S extends SchemeName>(scheme: S, auth: AuthOf<S>): Authenticator {
  return SCHEMES[scheme].authenticator(auth);
}
