import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Run, run } from './run.ts';

/** A backup program to compare with. */
export interface Tool {
  readonly name: string;
  version(): string;
  init(repository: string): Promise<Run>;
  backup(repository: string, source: string, name: string): Promise<Run>;
  restore(repository: string, to: string, name: string): Promise<Run>;
}

const RESTIC_ENVIRONMENT = { RESTIC_PASSWORD: 'bench' };
export const RESTIC: Tool = {
  name: 'restic',
  version: () => execFileSync('restic', ['version'], { encoding: 'utf8' }).split(' ').slice(0, 2).join(' '),
  init: (repository) => run(['restic', '-q', '-r', repository, 'init'], { env: RESTIC_ENVIRONMENT }),
  backup: (repository, source, name) =>
    run(['restic', '-q', '-r', repository, 'backup', '--tag', name, source], { env: RESTIC_ENVIRONMENT }),
  restore: (repository, to) =>
    run(['restic', '-q', '-r', repository, 'restore', 'latest', '--target', to], { env: RESTIC_ENVIRONMENT }),
};

const BORG_ENVIRONMENT = { BORG_PASSPHRASE: 'bench', BORG_RELOCATED_REPO_ACCESS_IS_OK: 'yes' };
export const BORG: Tool = {
  name: 'borg',
  version: () => execFileSync('borg', ['--version'], { encoding: 'utf8' }).trim(),
  init: (repository) => run(['borg', 'init', '-e', 'repokey', repository], { env: BORG_ENVIRONMENT }),
  backup: (repository, source, name) =>
    run(['borg', 'create', '-C', 'zstd,3', `${repository}::${name}`, source], { env: BORG_ENVIRONMENT }),
  restore: (repository, to, name) =>
    run(['borg', 'extract', `${repository}::${name}`], { cwd: to, env: BORG_ENVIRONMENT }),
};

/** Sum of the lengths of all files below a folder. */
export function bytesIn(folder: string): number {
  let sum = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) sum += statSync(join(entry.parentPath, entry.name)).size;
  }
  return sum;
}
