import { constants } from 'node:crypto';
import type { Server, ServerOptions } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import { type Clock, isoTime } from '../base/clock.ts';
import { reasonOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { TlsMaterial } from '../config/tls.ts';
import type { CertificateFiles } from './certificate-files.ts';

/** How often is looked whether the files changed. */
const LOOK_MS = 30_000;

/**
 * How TLS is spoken. A certificate is asked of a sender only where there is somebody to have issued it, and is never
 * demanded: other sources prove themselves otherwise, and it is the scheme that decides.
 */
export function serverOptions(material: TlsMaterial, handshakeTimeout: number): ServerOptions {
  const requestCert = material.clientCa !== undefined;
  return { ...contextOf(material), handshakeTimeout, requestCert, rejectUnauthorized: false };
}

function contextOf({ certificate, key, clientCa }: TlsMaterial): SecureContextOptions {
  const pair = { cert: certificate, key: key.reveal(), minVersion: 'TLSv1.2' } as const;
  // A resumed session answers for a certificate that was looked at earlier, by what was trusted then.
  return clientCa === undefined
    ? { ...pair, secureOptions: constants.SSL_OP_NO_RENEGOTIATION }
    : { ...pair, secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_TICKET, ca: clientCa };
}

/**
 * Has `server` speak with what is in `files` whenever they change, until the function that is returned is called. What
 * TLS cannot be spoken with is said in the log, once, and what was spoken with before stays.
 */
export function keepFresh(server: Server, files: CertificateFiles, clock: Clock, log: Log): () => void {
  let looking = false;
  const look = async () => {
    // A disk that hangs is asked once.
    if (looking) return;
    looking = true;
    try {
      if (!(await files.changed())) return;
      const material = await files.load();
      server.setSecureContext(contextOf(material));
      log.info('TLS is spoken with the files as they are now');
      tellEnd(material, clock, log);
    } catch (error) {
      log.error('the files for TLS are not taken over: it is spoken as before', { error: reasonOf(error) });
    } finally {
      looking = false;
    }
  };
  return clock.every(LOOK_MS, () => void look());
}

/** Says that senders will refuse the certificate, where they will. */
export function tellEnd({ ends }: TlsMaterial, clock: Clock, log: Log): void {
  if (ends < clock.wall()) log.warn('the certificate for TLS has ended', { ended: isoTime(ends) });
}
