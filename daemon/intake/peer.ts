import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** A sender as its certificate has it, which was issued by one of `intake.tls.clientCa` and is valid now. */
export interface Peer {
  /** Its DNS names, URIs and mail addresses, and its common name, as they are written there. */
  readonly names: readonly string[];
  /** SHA-256 of the certificate, 64 hex digits. */
  readonly fingerprint: string;
}

export function peerOf(socket: Socket): Peer | undefined {
  // An empty-handed sender can be `authorized` too, by a session that is resumed.
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  try {
    const certificate = socket.getPeerX509Certificate();
    return certificate && { names: namesIn(certificate), fingerprint: fingerprintOf(certificate.fingerprint256) };
  } catch {
    // Whatever of it cannot be read names nobody.
    return undefined;
  }
}

/** As `openssl x509 -fingerprint` or others write it, in one way. */
export function fingerprintOf(text: string): string {
  return text.replaceAll(':', '').toLowerCase();
}

function namesIn(certificate: X509Certificate): string[] {
  const common: unknown = certificate.toLegacyObject().subject.CN;
  const names = alternatives(certificate.subjectAltName ?? '');
  return typeof common === 'string' ? [...names, common] : names;
}

/**
 * Node writes a name that could be taken for several as a JSON string without commas (CVE-2021-44532). Such a one is
 * passed over: no name that is configured holds a quotation mark.
 */
function alternatives(text: string): string[] {
  return text.split(', ').flatMap((entry) => /^(?:DNS|URI|email):([^"]*)$/.exec(entry)?.slice(1) ?? []);
}
