import type { Forge, ForgeKind } from './forge.ts';
import { giteaForge } from './gitea.ts';
import { giteaWriter } from './gitea-writer.ts';
import { githubForge } from './github.ts';
import { githubWriter } from './github-writer.ts';
import { gitlabForge } from './gitlab.ts';
import { gitlabWriter } from './gitlab-writer.ts';
import type { ForgeOptions } from './options.ts';
import type { ForgeWriter } from './writer.ts';

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

/** The writer to a forge. Does nothing yet. */
export function openWriter(kind: ForgeKind, options: Pick<ForgeOptions, 'url' | 'token' | 'clock'>): ForgeWriter {
  switch (kind) {
    case 'github':
      return githubWriter(options);
    case 'gitlab':
      return gitlabWriter(options);
    case 'gitea':
      return giteaWriter(options);
    default:
      return kind satisfies never;
  }
}
