import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf, PortcullisError, reasonOf } from '../base/errors.ts';
import { keepRulesShape } from '../base/jobs.ts';
import { integer, list, number, type Of, object, oneOf, optional, text } from '../base/shape.ts';
import { keepRules } from './keep.ts';
import type { Config } from './schema.ts';
import type { Identity } from './state.ts';

/** Name of the file, beside the configuration: /etc/portcullis/protect.json on an appliance. */
export const PROTECT_NAME = 'protect.json';

const file = object({
  version: integer(1, 1),
  /** Directory of the vault. */
  path: text(4096),
  vaultId: text(32),
  /** Ed25519 public key of the appliance, base64 of 32 bytes. */
  verifyKey: text(44),
  clock: oneOf('synchronised', 'system'),
  /** Absent where nothing expires. */
  keep: optional(object({ rules: keepRulesShape, graceMs: number(0) })),
  /** Sequence numbers of suspicious snapshots that a person has looked at. */
  cleared: list(integer(1), 10_000),
});
/** All that the protecting process goes by. It is root's: what it says lets objects go. */
export type ProtectFile = Of<typeof file>;

/** What `config` says to the protecting process; undefined where there is nothing to protect. */
export function compileProtect(
  { appliance, vault }: Config,
  { vaultId, verifyKey }: Pick<Identity, 'vaultId' | 'verifyKey'>,
  cleared: readonly number[],
): ProtectFile | undefined {
  if (vault.store.kind !== 'directory' || vault.store.immutable !== true) return undefined;
  return {
    version: 1,
    path: vault.store.path,
    vaultId,
    verifyKey,
    clock: appliance.clock,
    ...(vault.keep === undefined ? {} : { keep: keepRules(vault.keep) }),
    cleared: [...cleared],
  };
}

/** Undefined when there is none. Rejects with `config.protect` when it cannot be understood. */
export async function readProtect(path: string): Promise<ProtectFile | undefined> {
  let json: string;
  try {
    json = await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw refused(path, reasonOf(error));
  }
  try {
    return file(JSON.parse(json));
  } catch (error) {
    throw refused(path, reasonOf(error));
  }
}

/** As the protecting process reads it: rejects with `config.protect` also when there is none, or when others than root could have written it. */
export async function readOwnProtect(path: string): Promise<ProtectFile> {
  const read = await readProtect(path);
  if (read === undefined) throw refused(path, 'there is no such file');
  for (const each of [path, dirname(path)]) {
    const { uid, mode } = await stat(each);
    if (uid !== 0 || (mode & 0o022) !== 0) throw refused(path, `${each} can be written by others than root`);
  }
  return read;
}

function refused(path: string, why: string): PortcullisError {
  return new PortcullisError('config.protect', `What is to be protected cannot be taken from ${path}: ${why}.`);
}
