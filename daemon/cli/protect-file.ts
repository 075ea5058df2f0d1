import { constants } from 'node:fs';
import { access, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { writeDurably } from '../base/durable.ts';
import { PortcullisError } from '../base/errors.ts';
import { compileProtect, PROTECT_NAME, type ProtectFile, readProtect } from '../config/protect.ts';
import type { Config } from '../config/schema.ts';
import type { Identity } from '../config/state.ts';

/**
 * Writes what the protecting process reads, beside the configuration, or takes it away where there is nothing to protect. What a person has cleared stays
 * cleared, in the same vault.
 */
export async function writeProtect(configPath: string, config: Config, identity: Identity): Promise<void> {
  const path = pathOf(configPath);
  // One that cannot be read is written again: at worst a snapshot has to be cleared once more.
  const before = await readProtect(path).catch(() => undefined);
  const cleared = before?.vaultId === identity.vaultId ? before.cleared : [];
  const compiled = compileProtect(config, identity, cleared);
  if (compiled === undefined) await rm(path, { force: true });
  else await write(path, compiled);
}

/**
 * For what a person says of a snapshot to the keeper, and to the protecting process, which does not take the keeper's word. Rejects with
 * `config.protect`, before anything is said, when this user may not say so to the latter.
 */
export async function clearing(configPath: string): Promise<(seq: number) => Promise<void>> {
  const path = pathOf(configPath);
  const before = await readProtect(path);
  if (before === undefined) return async () => {};
  await access(dirname(path), constants.W_OK).catch(() => {
    throw new PortcullisError('config.protect', `This user may not write ${path}, and so clear nothing.`);
  });
  return (seq) => write(path, { ...before, cleared: [...new Set([...before.cleared, seq])] });
}

function write(path: string, file: ProtectFile): Promise<void> {
  return writeDurably(path, `${JSON.stringify(file, null, 2)}\n`, 0o644);
}

function pathOf(configPath: string): string {
  return join(dirname(resolve(configPath)), PROTECT_NAME);
}
