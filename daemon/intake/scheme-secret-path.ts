import type { Secret } from '../base/secret.ts';
import { refused, type Scheme } from './scheme.ts';
import { generateText, isOneOf } from './text-secret.ts';

/**
 * The secret is the last part of the path. Splunk's webhook alert action knows no header and no signature
 * (docs.splunk.com, Alerting Manual, "Use a webhook alert action"); whatever stands between it and here may log the URL.
 */
export const secretPath: Scheme<'secret-path'> = {
  fault(secret: Secret) {
    if (secret.length < 24 || secret.length > 100)
      return `has ${secret.length} characters; a secret in a path needs 24 to 100`;
    // Whatever else a path may hold has several ways of being written.
    if (!/^[A-Za-z0-9_-]+$/.test(secret.reveal().toString('latin1')))
      return 'holds something else than letters, digits, - and _';
    return undefined;
  },
  generate: generateText,
  strength: () => 'secret in the URL: appears in logs',

  authenticator({ secrets }) {
    const known = isOneOf(secrets.map((secret) => secret.reveal()));
    return (_rawHeaders, _wall, rest) => {
      if (rest === undefined) return refused('Its path ends without a secret.');
      return known(rest) ? { kind: 'authentic' } : refused('The secret in its path is wrong.');
    };
  },
};
