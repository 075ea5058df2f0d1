import { seeded } from './forge-seed.ts';
import { type Read, sampleRepository } from './helpers.ts';

export async function sample() {
  const origin = await sampleRepository();
  const site = await sampleRepository();
  return { forge: seeded(origin, site), origin, site };
}

export const textOf = (all: readonly Read[], path: string) =>
  all.find((one) => one.path === path)?.bytes?.toString('utf8');
export const jsonOf = (all: readonly Read[], path: string) => JSON.parse(textOf(all, path) ?? 'null');
export const problemsOf = (all: readonly Read[]) =>
  all.flatMap(({ path, entry }) =>
    entry.kind === 'problem'
      ? [{ path, reason: entry.reason }]
      : 'problem' in entry && entry.problem !== undefined
        ? [{ path, reason: entry.problem }]
        : [],
  );
