import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { type Answered, type Headers, head, sampleJson, speakOn } from './helpers.ts';

interface Pair {
  readonly certificate: string;
  readonly key: string;
}

/** Made for these tests; the private keys protect nothing. */
export const KEYS = sampleJson('tls-test-keys.json') as unknown as Readonly<
  Record<'next' | 'alerts' | 'plain' | 'foreign' | 'serving' | 'tricky' | 'expired', Pair> &
    Record<'authority' | 'other', Pick<Pair, 'certificate'>> & { server: Pair & { readonly locked: string } }
>;

/** A directory with the files of `intake.tls`, and how to write them anew. */
export function certificateFiles(pair: Pair = KEYS.server) {
  const folder = mkdtempSync(join(tmpdir(), 'pc-tls-'));
  const paths = {
    certificate: join(folder, 'intake.pem'),
    key: join(folder, 'intake.key'),
    clientCa: join(folder, 'senders.pem'),
  };
  const write = (name: keyof typeof paths, text: string) => writeFileSync(paths[name], text);
  write('certificate', pair.certificate);
  write('key', pair.key);
  write('clientCa', KEYS.authority.certificate);
  return { folder, paths, write, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A connection that trusts the certificates of these tests and shows `pair`, if any. */
export function dial(port: number, pair?: Pair, options: ConnectionOptions = {}): TLSSocket {
  const ca = [KEYS.server.certificate, KEYS.next.certificate];
  const own = pair && { cert: pair.certificate, key: pair.key };
  return connect({ port, host: '127.0.0.1', servername: 'localhost', ca, ...own, ...options });
}

export function postOver(
  socket: TLSSocket,
  path: string,
  headers: Headers,
  body: Uint8Array | string,
): Promise<Answered> {
  return speakOn(socket, head(path, headers, Buffer.byteLength(body)), body).answer;
}
