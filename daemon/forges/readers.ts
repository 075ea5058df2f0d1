import type { ForgeKind } from './forge.ts';
import { giteaReader } from './gitea-reader.ts';
import { githubReader } from './github-reader.ts';
import { gitlabReader } from './gitlab-reader.ts';
import type { DocumentReader } from './view.ts';

/** By the kind that stands in a snapshot's `forge.json`. */
export const READERS: Readonly<Record<ForgeKind, DocumentReader>> = {
  github: githubReader,
  gitlab: gitlabReader,
  gitea: giteaReader,
};
