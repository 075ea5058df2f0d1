import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { durationMs } from '../base/duration.ts';
import { PortcullisError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Secret } from '../base/secret.ts';
import type { ForgeKind } from '../forges/forge.ts';
import { openForge } from '../forges/open.ts';
import { commandSource } from './command.ts';
import { directorySource } from './directory.ts';
import { forgeSource } from './forge.ts';
import { gitSource } from './git.ts';
import type { Environment } from './program.ts';
import type { Source } from './source.ts';

/** A source as the configuration describes it, with its defaults filled in. Its secrets are `S`: references, or themselves. */
export type SourceSettings<S = Secret> =
  | {
      readonly kind: 'git';
      readonly name: string;
      readonly url: string;
      readonly username?: string | undefined;
      readonly token?: S | undefined;
      readonly sshKey?: string | undefined;
      readonly knownHosts?: string | undefined;
    }
  | {
      readonly kind: ForgeKind;
      readonly name: string;
      readonly url: string;
      readonly owner: string;
      readonly token: S;
      readonly include: readonly string[];
      readonly exclude: readonly string[];
    }
  | {
      readonly kind: 'directory';
      readonly name: string;
      readonly path: string;
      readonly exclude: readonly string[];
      readonly canaries: readonly string[];
    }
  | {
      readonly kind: 'command';
      readonly name: string;
      readonly command: readonly string[];
      readonly file: string;
      /** For example `1h`. */
      readonly timeout: string;
    };

export interface SourceSurroundings {
  /** What commands run with, and what git takes a few variables from. */
  readonly environment: Environment;
  readonly clock: Clock;
  readonly log: Log;
}

/** The source `settings` describe. Does nothing yet: the origin is first touched by `pull`. */
export function openSource(settings: SourceSettings, { environment, clock, log }: SourceSurroundings): Source {
  switch (settings.kind) {
    case 'git': {
      const { sshKey: key, knownHosts, ...rest } = settings;
      return gitSource({ ...rest, ssh: { key, knownHosts }, environment, clock, log });
    }
    case 'github':
    case 'gitlab':
    case 'gitea': {
      const { kind, url, owner, token } = settings;
      const forge = (workdir: string) => openForge(kind, { url, owner, token, cache: join(workdir, 'answers'), clock });
      return forgeSource({ ...settings, forge, environment, clock, log });
    }
    case 'directory':
      return directorySource(settings);
    case 'command': {
      const timeoutMs = durationMs(settings.timeout);
      if (timeoutMs === undefined)
        throw new PortcullisError('config.invalid', `Source ${settings.name}: ${settings.timeout} is not a duration.`);
      return commandSource({ ...settings, timeoutMs, environment, clock });
    }
    default:
      return settings satisfies never;
  }
}

/**
 * Whether what `settings` describe may lie beyond this box: then it cannot be had while the network is not. Of a program
 * nobody can tell, so it may.
 */
export function needsNetwork(settings: SourceSettings<unknown>): boolean {
  switch (settings.kind) {
    case 'git':
      return !/^(?:\.{0,2}\/|file:\/\/)/i.test(settings.url);
    case 'directory':
      return false;
    case 'github':
    case 'gitlab':
    case 'gitea':
    case 'command':
      return true;
    default:
      return settings satisfies never;
  }
}
