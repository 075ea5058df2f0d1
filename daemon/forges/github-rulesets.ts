import type { Document } from './forge.ts';
import { type GithubApi, PER_PAGE } from './github-api.ts';

/** Rulesets of an organisation or repository, each with its rules, which the list leaves out. */
export async function* rulesets(
  api: GithubApi,
  base: string,
  query: Record<string, boolean> = {},
): AsyncGenerator<Document[]> {
  for await (const page of api.pages(`${base}/rulesets`, { ...query, per_page: PER_PAGE }))
    for (const { id } of page) {
      const ruleset = await api.get(`${base}/rulesets/${String(id)}`);
      yield [{ key: String(id), object: ruleset }];
    }
}
