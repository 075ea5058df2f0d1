import { systemClock } from '../../daemon/base/clock.ts';
import { type Log, silentLog } from '../../daemon/base/log.ts';
import { Secret } from '../../daemon/base/secret.ts';
import { forgeSource } from '../../daemon/sources/forge.ts';
import { FakeForge } from '../forges/fake-forge.ts';

export const TOKEN = 'ghp_recognisable0123456789';

/** Two repositories, one of them with documents, as every process makes it from the same two origins. */
export function seeded(app: string, site: string): FakeForge {
  const forge = new FakeForge();
  forge.add('1', 'acme/app', app);
  forge.add('2', 'acme/site', site);
  for (const number of [1, 2, 3, 4, 5])
    forge.put('1', 'issues', { key: String(number), object: { number, title: `Issue ${number}` } });
  for (const name of ['bug', 'later']) forge.put('1', 'labels', { key: name, object: { name } });
  forge.put('1', 'variables', { key: 'production/URL', object: { name: 'URL', value: 'https://x' } });
  forge.put('owner', 'variables', { key: 'REGION', object: { name: 'REGION', value: 'eu' } });
  return forge;
}

export interface Settings {
  readonly include?: string[];
  readonly exclude?: string[];
  readonly owner?: string;
  readonly url?: string;
  readonly log?: Log;
}

export function sourceOf(forge: FakeForge, more: Settings = {}) {
  return forgeSource({
    name: 'sample',
    forge: () => forge,
    owner: more.owner ?? 'acme',
    url: more.url ?? 'https://forge.example',
    include: more.include ?? [],
    exclude: more.exclude ?? [],
    environment: process.env,
    clock: systemClock,
    log: more.log ?? silentLog,
    token: Secret.fromText(TOKEN),
  });
}
