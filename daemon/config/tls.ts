import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { parseCertificateTime } from '../base/clock.ts';
import { reasonOf } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';
import type { TlsConfig } from './schema.ts';
import { type ReadSecret, readSecret } from './secret.ts';

/** What was read of each file of `intake.tls`. */
export interface TlsFiles {
  readonly certificate: ReadSecret;
  readonly key: ReadSecret;
  readonly clientCa?: ReadSecret;
}

export interface TlsMaterial {
  readonly certificate: Buffer;
  readonly key: Secret;
  readonly clientCa?: Buffer;
  /** When the certificate ends, in milliseconds since the epoch: from then on senders refuse it. */
  readonly ends: number;
}

export interface TlsFault {
  readonly key: keyof TlsFiles;
  /** Names the file and what is wrong with it: "file /x, which does not exist". */
  readonly found: string;
  readonly accepted: string;
}

export type JudgedTls =
  | { readonly ok: true; readonly material: TlsMaterial }
  | { readonly ok: false; readonly faults: readonly TlsFault[] };

const ACCEPTED: Readonly<Record<keyof TlsFiles, string>> = {
  certificate: 'a certificate in PEM that this user may read, with those between it and its root behind it',
  key: "the certificate's private key in PEM, without a passphrase, that this user may read",
  clientCa: 'certificates in PEM of who issues those of senders, that this user may read',
};

/** Reads and judges the files, whose paths are absolute. For commands: it waits for the disk. */
export function readTls({ certificate, key, clientCa }: TlsConfig): JudgedTls {
  const read = (file: string) => readSecret({ file }, {});
  const pair = { certificate: read(certificate), key: read(key) };
  return judgeTls(clientCa === undefined ? pair : { ...pair, clientCa: read(clientCa) });
}

/**
 * Whether TLS can be spoken with these files: each readable, of its kind and whole, and the key that of the first
 * certificate. A certificate that has ended is none the less one: only senders that look will refuse it.
 */
export function judgeTls({ certificate, key, clientCa }: TlsFiles): JudgedTls {
  const chain = certificatesIn(certificate);
  const own = keyIn(key);
  const authorities = clientCa === undefined ? undefined : certificatesIn(clientCa);
  const faults: TlsFault[] = [];
  const add = (at: keyof TlsFiles, found: string) => faults.push({ key: at, found, accepted: ACCEPTED[at] });
  if (!chain.ok) add('certificate', chain.fault);
  if (!own.ok) add('key', own.fault);
  if (authorities?.ok === false) add('clientCa', authorities.fault);
  if (!chain.ok || !own.ok || authorities?.ok === false) return { ok: false, faults };
  if (!chain.first.checkPrivateKey(own.key)) add('key', 'a key that does not fit the certificate');
  else
    try {
      createSecureContext({ cert: chain.bytes, key: own.secret.reveal() });
    } catch (error) {
      // A key too short for OpenSSL, for one.
      add('certificate', `a certificate that TLS cannot be spoken with: ${reasonOf(error)}`);
    }
  if (faults.length > 0) return { ok: false, faults };
  const ends = parseCertificateTime(chain.first.validTo) ?? 0;
  const material = { certificate: chain.bytes, key: own.secret, ends };
  return { ok: true, material: authorities === undefined ? material : { ...material, clientCa: authorities.bytes } };
}

type Certificates =
  | { readonly ok: true; readonly bytes: Buffer; readonly first: X509Certificate }
  | { readonly ok: false; readonly fault: string };

function certificatesIn(read: ReadSecret): Certificates {
  if (!read.ok) return read;
  const bytes = read.secret.reveal();
  const text = bytes.toString('latin1');
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  // One that was cut off while it was being written would be passed over.
  if (blocks.length === 0 || blocks.length !== text.split('-----BEGIN').length - 1)
    return { ok: false, fault: 'text that is not one or more whole certificates in PEM' };
  try {
    const [first] = blocks.map((block) => new X509Certificate(block));
    if (first !== undefined) return { ok: true, bytes, first };
  } catch {}
  return { ok: false, fault: 'text of which a part is no certificate' };
}

type PrivateKey =
  | { readonly ok: true; readonly secret: Secret; readonly key: KeyObject }
  | { readonly ok: false; readonly fault: string };

function keyIn(read: ReadSecret): PrivateKey {
  if (!read.ok) return read;
  const { secret } = read;
  try {
    return { ok: true, secret, key: createPrivateKey(secret.reveal()) };
  } catch {
    const locked = secret.reveal().includes('ENCRYPTED');
    return { ok: false, fault: locked ? 'a private key behind a passphrase' : 'text that is not a private key in PEM' };
  }
}
