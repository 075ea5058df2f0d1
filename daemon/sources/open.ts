import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { durationMs } from '../base/duration.ts';
import { PortcullisError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Secret } from '../base/secret.ts';
import type { ForgeKind } from '../forges/forge.ts';
import { openForge } from '../forges/open.ts';
import { commandSource } from './command.ts';
import { databaseSource } from './database.ts';
import { type DatabaseSettings, presetOf } from './database-kinds.ts';
import { directorySource } from './directory.ts';
import { forgeSource } from './forge.ts';
import { gitSource } from './git.ts';
import type { Environment } from './program.ts';
import { s3Source } from './s3.ts';
import type { Source } from './source.ts';
import { sshSource } from './ssh.ts';

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
      readonly submodules?: boolean | undefined;
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
      readonly kind: 'ssh';
      readonly name: string;
      readonly host: string;
      readonly port: number;
      readonly user: string;
      readonly path: string;
      readonly sshKey: string;
      readonly hostKey: readonly string[];
      readonly exclude: readonly string[];
      readonly canaries: readonly string[];
      readonly attributes: boolean;
    }
  | {
      readonly kind: 's3';
      readonly name: string;
      readonly endpoint: string;
      readonly region: string;
      readonly bucket: string;
      readonly prefix: string;
      readonly forcePathStyle: boolean;
      readonly accessKeyId: S;
      readonly secretAccessKey: S;
      readonly sessionToken?: S | undefined;
      readonly versions: 'current' | 'all';
      readonly include: readonly string[];
      readonly exclude: readonly string[];
      readonly tags: boolean;
      readonly acls: boolean;
    }
  | {
      readonly kind: 'command';
      readonly name: string;
      readonly command: readonly string[];
      readonly file: string;
      /** For example `1h`. */
      readonly timeout: string;
    }
  | DatabaseSettings<S>;

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
    case 'ssh':
      return sshSource({ ...settings, environment, clock, log });
    case 's3':
      return s3Source({ ...settings, clock });
    case 'command':
      return commandSource({ ...settings, timeoutMs: timeoutOf(settings), environment, clock });
    case 'postgresql':
    case 'mariadb':
    case 'mysql':
    case 'mongodb':
    case 'redis':
    case 'etcd':
    case 'sqlite': {
      const { name, kind } = settings;
      const tools = settings.kind === 'sqlite' ? undefined : settings.tools;
      const timeoutMs = timeoutOf(settings);
      return databaseSource({ name, kind, preset: presetOf(settings), tools, timeoutMs, environment, clock });
    }
    default:
      return settings satisfies never;
  }
}

function timeoutOf({ name, timeout }: { readonly name: string; readonly timeout: string }): number {
  const timeoutMs = durationMs(timeout);
  if (timeoutMs === undefined)
    throw new PortcullisError('config.invalid', `Source ${name}: ${timeout} is not a duration.`);
  return timeoutMs;
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
    case 'sqlite':
      return false;
    case 'postgresql':
    case 'mariadb':
    case 'mysql':
    case 'mongodb':
    case 'redis':
      return !/^(?:\/|localhost$|127\.|::1$)/.test(settings.host);
    case 'etcd':
      return !/^https?:\/\/(?:localhost|127\.|\[::1\])/.test(settings.endpoint);
    case 'github':
    case 'gitlab':
    case 'gitea':
    case 'command':
    case 's3':
    case 'ssh':
      return true;
    default:
      return settings satisfies never;
  }
}
