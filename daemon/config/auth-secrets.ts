import type { AlertSource, SecretRef } from './schema.ts';

/** Where the secrets of a source stand. A client certificate needs none here. */
export function secretsOf(auth: AlertSource['auth']): readonly SecretRef[] {
  return 'secrets' in auth ? auth.secrets : [];
}
