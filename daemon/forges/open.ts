import type { Forge, ForgeKind } from './forge.ts';
import { giteaForge } from './gitea.ts';
import { githubForge } from './github.ts';
import { gitlabForge } from './gitlab.ts';
import type { ForgeOptions } from './options.ts';

/** The client of a forge. Does nothing yet. */
export function openForge(kind: ForgeKind, options: ForgeOptions): Forge {
  switch (kind) {
    case 'github':
      return githubForge(options);
    case 'gitlab':
      return gitlabForge(options);
    case 'gitea':
      return giteaForge(options);
    default:
      return kind satisfies never;
  }
}
