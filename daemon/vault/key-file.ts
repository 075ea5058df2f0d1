import { randomBytes, type ScryptOptions, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { mnemonicToEntropy } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { PortcullisError } from '../base/errors.ts';
import { gcmOpen, gcmSeal, label, sha256Hex } from './crypto.ts';
import { type RecoveryKey, recoveryKey } from './recovery-key.ts';

/** The text of a recovery key: docs/vault-format.md section 4.3. */

const FIRST_LINE = 'format: portcullis-recovery-key 1';
const FIELDS = { 'vault-id': 16, 'verify-key': 32, 'private-key': 32, 'protected-key': 68 } as const;
type Field = keyof typeof FIELDS;

/** A recovery key as it lies in a file: open, or locked with a passphrase. */
export type KeyFile =
  | { readonly kind: 'open'; readonly key: RecoveryKey }
  /** `unlock` rejects with `vault.passphrase`. */
  | { readonly kind: 'locked'; unlock(passphrase: string): Promise<RecoveryKey> };

/** The file's text. It holds the private key: print it, keep it offline, never on the appliance. */
export function formatRecoveryKey(key: RecoveryKey): string {
  return format(key, 'private-key', key.privateKey.reveal());
}

/**
 * As `formatRecoveryKey`, worthless without the passphrase. scrypt (RFC 7914) with N = 2^`logN` takes 2^(`logN` + 10) bytes of memory, now and
 * at every use.
 */
export async function formatLockedKey(key: RecoveryKey, passphrase: string, logN = 17): Promise<string> {
  const head = Buffer.concat([Buffer.of(logN, 8, 1, 0), randomBytes(16)]);
  const wrapping = await stretched(passphrase, head);
  const sealed = gcmSeal(wrapping, 0, associated(key, head), key.privateKey.reveal());
  return format(key, 'protected-key', Buffer.concat([head, sealed]));
}

function format(key: Pick<RecoveryKey, 'vaultId' | 'verifyKey'>, field: Field, value: Buffer): string {
  const guard = field === 'protected-key' ? 'and its passphrase ' : '';
  return [
    `# Portcullis recovery key. Without it ${guard}nothing in the vault can be read; with it, everything can.`,
    '# Keep it offline, in two places. Print it: every line ends in a checksum, so it can be typed in again.',
    FIRST_LINE,
    formatLine('vault-id', key.vaultId),
    formatLine('verify-key', key.verifyKey),
    formatLine(field, value),
    '',
  ].join('\n');
}

function checksum(field: Field, value: Buffer): string {
  return sha256Hex(Buffer.from(`${field}:`), value).slice(0, 8);
}

function formatLine(field: Field, value: Buffer): string {
  const groups = value.toString('hex').match(/.{4}/g)?.join(' ');
  return `${field}: ${groups} [${checksum(field, value)}]`;
}

/** Throws `vault.key`, naming the line, when `text` is not a whole and correct recovery key. */
export function parseKeyFile(text: string): KeyFile {
  const values = new Map<Field, Buffer>();
  let known = false;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim().toLowerCase().replace(/\s+/g, ' ');
    if (line === '' || line.startsWith('#')) continue;
    if (line === FIRST_LINE) {
      known = true;
      continue;
    }
    // A later version may have more to say.
    const named = /^([a-z-]+) ?:/.exec(line)?.[1];
    if (named !== undefined && named !== 'format' && !isField(named)) continue;
    const [field, value] = parseLine(line, index + 1);
    if (values.has(field))
      throw new PortcullisError('vault.key', `Line ${index + 1} of the recovery key says "${field}" again.`);
    values.set(field, value);
  }
  if (!known) throw new PortcullisError('vault.key', `This is no recovery key: the line "${FIRST_LINE}" is missing.`);
  const value = (field: Field): Buffer => {
    const found = values.get(field);
    if (found === undefined) throw new PortcullisError('vault.key', `The recovery key has no line "${field}".`);
    return found;
  };
  const parts = { vaultId: value('vault-id'), verifyKey: value('verify-key') };
  const locked = values.get('protected-key');
  if (locked === undefined || values.has('private-key'))
    return { kind: 'open', key: recoveryKey(parts.vaultId, parts.verifyKey, value('private-key')) };
  return { kind: 'locked', unlock: (passphrase) => unlock(parts, locked, passphrase) };
}

function parseLine(line: string, number: number): [Field, Buffer] {
  // The line itself may hold the private key: it is never quoted.
  const wrong = (what: string) => new PortcullisError('vault.key', `Line ${number} of the recovery key ${what}.`);
  const [, field, digits, check] = /^([a-z-]+) ?: ?([a-z0-9 ]+?) ?(?:\[([0-9a-f]{8})\])?$/.exec(line) ?? [];
  if (field === undefined || digits === undefined || !isField(field)) throw wrong('is not of its format');
  if (field === 'private-key' && /^([a-z]{3,8} ){23}[a-z]{3,8}$/.test(digits)) return [field, fromWords(digits, wrong)];
  if (check === undefined || !/^[0-9a-f ]+$/.test(digits)) throw wrong('is not of its format');
  const value = Buffer.from(digits.replaceAll(' ', ''), 'hex');
  if (digits.replaceAll(' ', '').length !== FIELDS[field] * 2 || checksum(field, value) !== check)
    throw wrong(`("${field}") does not agree with its checksum`);
  return [field, value];
}

function fromWords(words: string, wrong: (what: string) => PortcullisError): Buffer {
  const unknown = words.split(' ').findIndex((word) => !wordlist.includes(word));
  if (unknown !== -1) throw wrong(`("private-key") has a word that is not in the list, word ${unknown + 1}`);
  try {
    return Buffer.from(mnemonicToEntropy(words, wordlist));
  } catch {
    throw wrong('("private-key") does not agree with the checksum in its words');
  }
}

function isField(name: string): name is Field {
  return Object.hasOwn(FIELDS, name);
}

/** Parameters (4) ‖ salt (16) at the beginning of a protected key. */
const HEAD = 20;

async function unlock(
  parts: Pick<RecoveryKey, 'vaultId' | 'verifyKey'>,
  locked: Buffer,
  passphrase: string,
): Promise<RecoveryKey> {
  const head = locked.subarray(0, HEAD);
  const wrapping = await stretched(passphrase, head);
  try {
    const secret = gcmOpen(wrapping, 0, associated(parts, head), locked.subarray(HEAD));
    return recoveryKey(parts.vaultId, parts.verifyKey, secret);
  } catch (error) {
    throw new PortcullisError('vault.passphrase', 'This passphrase does not open the recovery key.', { cause: error });
  }
}

function associated({ vaultId, verifyKey }: Pick<RecoveryKey, 'vaultId' | 'verifyKey'>, head: Buffer): Buffer {
  return label('protected key', Buffer.concat([vaultId, verifyKey, head]));
}

const deriveWithScrypt = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

async function stretched(passphrase: string, head: Buffer): Promise<Buffer> {
  const [logN = 0, r = 0, p = 0, zero] = head;
  // Nobody's file makes this machine take more than a gigabyte.
  if (logN < 10 || logN > 20 || r < 1 || r > 8 || p < 1 || p > 4 || zero !== 0)
    throw new PortcullisError('vault.key', 'The passphrase of this recovery key is stretched in a way not known here.');
  const N = 2 ** logN;
  // The same words, however the keyboard composes them.
  return deriveWithScrypt(passphrase.normalize('NFKC'), head.subarray(4), 32, {
    N,
    r,
    p,
    maxmem: 128 * r * (N + p + 2) + 2 ** 20,
  });
}
