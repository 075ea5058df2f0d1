import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, PortcullisError, reasonOf } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import type { SecretRef } from './schema.ts';

/** The process's environment, handed in by main/. */
export type Environment = Readonly<Record<string, string | undefined>>;

const MAX_BYTES = 64 << 10;

/**
 * The secret `ref` stands for; a file's is its content less one trailing newline. Credentials are looked up where systemd
 * says they are (`CREDENTIALS_DIRECTORY`). Throws `config.secret`, which names the reference and never the content.
 */
export function loadSecret(ref: SecretRef, environment: Environment): Secret {
  const read = readSecret(ref, environment);
  if (read.ok) return read.secret;
  throw new PortcullisError('config.secret', `No secret was found in ${read.fault}.`);
}

export type ReadSecret =
  | { readonly ok: true; readonly secret: Secret }
  /** `fault` names the reference and what is wrong with it: "file /x, which does not exist". */
  | { readonly ok: false; readonly fault: string };

export function readSecret(ref: SecretRef, environment: Environment): ReadSecret {
  if ('env' in ref) {
    const text = environment[ref.env];
    if (text === undefined) return { ok: false, fault: `environment variable ${ref.env}, which is not set` };
    return filled(Buffer.from(text, 'utf8'), `environment variable ${ref.env}`);
  }
  if ('file' in ref) return readFile(ref.file, `file ${ref.file}`);
  const directory = environment['CREDENTIALS_DIRECTORY'];
  const name = `credential ${ref.credential}`;
  if (directory === undefined) return { ok: false, fault: `${name}, because systemd passed no credentials` };
  return readFile(join(directory, ref.credential), name);
}

function readFile(path: string, name: string): ReadSecret {
  let descriptor: number | undefined;
  try {
    // Without O_NONBLOCK a FIFO in its place would hold the process up for ever.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) return { ok: false, fault: `${name}, which is not a regular file` };
    if (stat.size > MAX_BYTES) return { ok: false, fault: `${name}, which is larger than ${MAX_BYTES} bytes` };
    const bytes = readFileSync(descriptor);
    return filled(withoutNewline(bytes), name);
  } catch (error) {
    const fault = errnoOf(error) === 'ENOENT' ? 'which does not exist' : `which cannot be read: ${reasonOf(error)}`;
    return { ok: false, fault: `${name}, ${fault}` };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function filled(bytes: Buffer, name: string): ReadSecret {
  return bytes.length === 0 ? { ok: false, fault: `${name}, which is empty` } : { ok: true, secret: new Secret(bytes) };
}

function withoutNewline(bytes: Buffer): Buffer {
  if (bytes.at(-1) !== 0x0a) return bytes;
  return bytes.subarray(0, bytes.at(-2) === 0x0d ? -2 : -1);
}
