import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { errnoOf, PortcullisError, reasonOf } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import type { TlsConfig } from '../config/schema.ts';
import type { ReadSecret } from '../config/secret.ts';
import { judgeTls, type TlsFiles, type TlsMaterial } from '../config/tls.ts';

const MAX_BYTES = 64 << 10;

/** The files TLS is spoken with. Nothing here waits for a disk: alerts arrive meanwhile. */
export class CertificateFiles {
  readonly #paths: TlsConfig;
  #stamps = '';

  constructor(paths: TlsConfig) {
    this.#paths = paths;
  }

  /** What is in the files, if TLS can be spoken with it. Rejects with `intake.tls`, which names each file and its fault. */
  async load(): Promise<TlsMaterial> {
    // First: what is written while it is read is seen as a change, and read again.
    this.#stamps = await this.#stampsNow();
    const { certificate, key, clientCa } = this.#paths;
    const pair = { certificate: await read(certificate), key: await read(key) };
    const files: TlsFiles = clientCa === undefined ? pair : { ...pair, clientCa: await read(clientCa) };
    const judged = judgeTls(files);
    if (judged.ok) return judged.material;
    const faults = judged.faults.map(
      ({ key, found, accepted }) => `\`${key}\` (${this.#paths[key]}): found ${found}; accepted is ${accepted}`,
    );
    throw new PortcullisError('intake.tls', `TLS cannot be spoken. ${faults.join('. ')}.`);
  }

  /** Whether a file is another than when they were last loaded, also in who may read it. */
  async changed(): Promise<boolean> {
    return (await this.#stampsNow()) !== this.#stamps;
  }

  async #stampsNow(): Promise<string> {
    const { certificate, key, clientCa = certificate } = this.#paths;
    const stamps: string[] = [];
    for (const path of [certificate, key, clientCa])
      stamps.push(await stat(path).then(stampOf, (error) => errnoOf(error) ?? ''));
    return stamps.join(' ');
  }
}

/** The change time moves with content, name and permissions alike. */
function stampOf({ dev, ino, size, ctimeMs }: Stats): string {
  return `${dev}:${ino}:${size}:${ctimeMs}`;
}

async function read(path: string): Promise<ReadSecret> {
  let file: FileHandle | undefined;
  try {
    // Without O_NONBLOCK a FIFO in its place would hold a thread up for ever.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const is = await file.stat();
    if (!is.isFile()) return { ok: false, fault: 'what is not a regular file' };
    if (is.size > MAX_BYTES) return { ok: false, fault: `more than ${MAX_BYTES} bytes` };
    return { ok: true, secret: new Secret(await file.readFile()) };
  } catch (error) {
    return {
      ok: false,
      fault: errnoOf(error) === 'ENOENT' ? 'no such file' : `what cannot be read: ${reasonOf(error)}`,
    };
  } finally {
    await file?.close();
  }
}
