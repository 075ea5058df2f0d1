import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { isoTime } from '../base/clock.ts';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import type { Identity } from '../config/state.ts';
import { formatLockedKey, formatRecoveryKey } from '../vault/key-file.ts';
import { answerChallenge, createChallenge, createRecoveryKey, type RecoveryKey } from '../vault/recovery-key.ts';
import type { Context } from './command.ts';
import { readKeyFile } from './vault-access.ts';

/** Making recovery keys, and having them proven. */

const SHORTEST_PASSPHRASE = 12;

export type Recipient = Identity['recipients'][number];

/** A passphrase for new key files, typed twice. */
export async function askPassphrase(context: Context): Promise<string> {
  const passphrase = await context.ask('New passphrase: ', 'secret');
  if (passphrase.length < SHORTEST_PASSPHRASE)
    throw new PortcullisError('usage.wrong', `A passphrase has at least ${SHORTEST_PASSPHRASE} characters.`);
  if ((await context.ask('The same again: ', 'secret')) !== passphrase)
    throw new PortcullisError('usage.wrong', 'The two passphrases differ.');
  return passphrase;
}

/** Writes a new recovery key to the file `path`, which must not exist. Rejects with `usage.wrong`. */
export async function writeNewKey(
  path: string,
  appliance: Pick<RecoveryKey, 'vaultId' | 'verifyKey'>,
  passphrase: string | undefined,
): Promise<RecoveryKey> {
  const key = createRecoveryKey(appliance.vaultId, appliance.verifyKey);
  await writeNew(path, passphrase === undefined ? formatRecoveryKey(key) : await formatLockedKey(key, passphrase));
  return key;
}

/** Writes a file that must not exist, for its owner's eyes. Rejects with `usage.wrong`. */
export async function writeNew(path: string, content: string): Promise<void> {
  try {
    await writeFile(path, content, { flag: 'wx', mode: 0o600, flush: true });
  } catch (error) {
    throw new PortcullisError('usage.wrong', `Cannot write ${path}: ${reasonOf(error)}.`);
  }
}

/** The recipient in a key file, once the file as it lies on the disk has opened a challenge. Rejects with `vault.key` or `vault.other`. */
export async function provenFile(
  path: string,
  appliance: Pick<RecoveryKey, 'vaultId' | 'verifyKey'>,
  name: string | undefined,
  context: Context,
): Promise<Recipient> {
  const key = await readKeyFile(path, context);
  if (!key.vaultId.equals(appliance.vaultId) || !key.verifyKey.equals(appliance.verifyKey))
    throw new PortcullisError('vault.other', `${path} is a recovery key of vault ${key.vaultId.toString('hex')}.`);
  const { challenge, answer } = await createChallenge(key.publicKey, appliance.vaultId);
  if ((await answerChallenge(key, challenge)) !== answer)
    throw new PortcullisError('vault.key', `The recovery key in ${path} does not open what is sealed to it.`);
  return asRecipient(key.publicKey, name ?? basename(path), context);
}

/** The recipient of a public key (hex), once whoever holds the private half has answered a challenge. Rejects with `vault.key`. */
export async function provenHolder(
  publicKey: string,
  vaultId: Buffer,
  name: string | undefined,
  context: Context,
): Promise<Recipient> {
  if (!/^[0-9a-f]{64}$/.test(publicKey))
    throw new PortcullisError(
      'usage.wrong',
      '--public-key takes 64 hex digits, as `portcullis keys show --key` prints.',
    );
  const raw = Buffer.from(publicKey, 'hex');
  const { challenge, answer } = await createChallenge(raw, vaultId);
  context.err(`Where the recovery key is, run:\n  portcullis keys answer ${challenge} --key FILE`);
  const given = (await context.ask('Its answer: ')).trim().toLowerCase();
  if (given !== answer)
    throw new PortcullisError('vault.key', 'That is not the answer: the key is not added. Nothing was changed.');
  return asRecipient(raw, name ?? publicKey.slice(0, 8), context);
}

export function asRecipient(
  publicKey: Buffer,
  name: string,
  context: Context,
  kind: Recipient['kind'] = 'recovery',
): Recipient {
  return { key: publicKey.toString('base64'), name: name.slice(0, 64), kind, since: isoTime(context.clock.wall()) };
}
