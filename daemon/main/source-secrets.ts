import type { Secret } from '../base/secret.ts';
import type { SourceConfig } from '../config/schema.ts';
import { type Environment, loadSecret } from '../config/secret.ts';
import { secretsIn } from '../config/source-secrets.ts';
import type { SourceSettings } from '../sources/open.ts';

/** A configured source with its secrets themselves. Throws `config.secret` where one cannot be read. */
export function withSecrets(source: SourceConfig, environment: Environment): SourceSettings {
  const secrets: Record<string, Secret> = {};
  for (const [key, reference] of Object.entries(secretsIn(source))) secrets[key] = loadSecret(reference, environment);
  return { ...source, ...secrets } as SourceSettings;
}
