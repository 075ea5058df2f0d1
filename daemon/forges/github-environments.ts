import { ifThere, objectIn, textOf } from './documents.ts';
import type { Document } from './forge.ts';
import { type GithubApi, PER_PAGE } from './github-api.ts';
import { path } from './rest.ts';

/** Names of the environments of the repository at `base`, where it has any. */
export async function* environments(api: GithubApi, base: string): AsyncGenerator<string> {
  for await (const page of ifThere(api.pages(`${base}/environments`, { per_page: PER_PAGE }, 'environments')))
    for (const environment of page) yield textOf(environment, 'name');
}

/** Environments of the repository at `base`, with the branches they take where those are listed one by one. */
export async function* environmentDocuments(api: GithubApi, base: string): AsyncGenerator<Document[]> {
  for await (const page of api.pages(`${base}/environments`, { per_page: PER_PAGE }, 'environments'))
    for (const environment of page) {
      const name = textOf(environment, 'name');
      const listed = objectIn(environment, 'deployment_branch_policy')?.['custom_branch_policies'] === true;
      const at = `${base}${path`/environments/${name}/deployment-branch-policies`}`;
      const policies = listed ? await api.all(at, { per_page: PER_PAGE }, 'branch_policies') : [];
      yield [{ key: name, object: listed ? { ...environment, branch_policies: policies } : environment }];
    }
}
