import { PortcullisError } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import type { AuthOf, IntakeSource, SchemeName, SettingsOf } from './ports.ts';
import type { Authenticator, Scheme, Strength } from './scheme.ts';
import { awsSns } from './scheme-aws-sns.ts';
import { basic } from './scheme-basic.ts';
import { bearer } from './scheme-bearer.ts';
import { github } from './scheme-github.ts';
import { gitlabToken } from './scheme-gitlab-token.ts';
import { grafana } from './scheme-grafana.ts';
import { hmac } from './scheme-hmac.ts';
import { mtls } from './scheme-mtls.ts';
import { pagerduty } from './scheme-pagerduty.ts';
import { secretPath } from './scheme-secret-path.ts';
import { sentry } from './scheme-sentry.ts';
import { gitlab, standardWebhooks } from './scheme-standard-webhooks.ts';

const SCHEMES: { readonly [S in SchemeName]: Scheme<S> } = {
  'standard-webhooks': standardWebhooks,
  gitlab,
  'gitlab-token': gitlabToken,
  github,
  pagerduty,
  sentry,
  grafana,
  hmac,
  'aws-sns': awsSns,
  bearer,
  basic,
  mtls,
  'secret-path': secretPath,
};

/** What a request proves that is accepted with these settings. */
export function strengthOf(settings: SettingsOf<SchemeName>): Strength {
  return rate(settings.scheme, settings);
}

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
 * An authenticator that does the same work as that of `source` and knows nothing that tells its sender. Requests to names that do
 * not exist go through one, so that they take the same answers and the same time as a wrong secret.
 */
export function decoyOf(source: IntakeSource): Authenticator {
  return decoy(source.auth.scheme, source.auth);
}

function decoy<S extends SchemeName>(scheme: S, auth: AuthOf<S>): Authenticator {
  const { generate, unlike } = SCHEMES[scheme];
  const secrets = auth.secrets.map(generate);
  return prepare(scheme, { ...auth, ...unlike?.(auth), secrets });
}

/** What tells the sender, for secrets that have been looked at. */
export function prepare<S extends SchemeName>(scheme: S, auth: AuthOf<S>): Authenticator {
  return SCHEMES[scheme].authenticator(auth);
}

function rate<S extends SchemeName>(scheme: S, settings: SettingsOf<S>): Strength {
  return SCHEMES[scheme].strength(settings);
}
