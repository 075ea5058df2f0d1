import { randomBytes } from 'node:crypto';
import { fingerprintOf } from './peer.ts';
import { refused, type Scheme } from './scheme.ts';
import { generateText } from './text-secret.ts';

/**
 * A certificate of the sender's own, which TLS has verified (RFC 8446, section 4.4.2.4). What tells him is public: there is
 * no secret here.
 */
export const mtls: Scheme<'mtls'> = {
  fault: () => 'has no place with a client certificate',
  generate: generateText,
  unlike: ({ scheme, names, fingerprints }) => ({
    scheme,
    ...(names && { names: names.map(() => randomBytes(16).toString('hex')) }),
    ...(fingerprints && { fingerprints: fingerprints.map(() => randomBytes(32).toString('hex')) }),
  }),
  strength: () => 'client certificate (TLS)',

  authenticator({ names = [], fingerprints = [] }) {
    const known = new Set(fingerprints.map(fingerprintOf));
    return (_rawHeaders, _wall, _rest, peer) => {
      const sender = peer?.();
      if (sender === undefined) return refused('It came without a certificate that `intake.tls.clientCa` vouches for.');
      const told = known.has(sender.fingerprint) || sender.names.some((name) => names.includes(name));
      return told ? { kind: 'authentic' } : refused("Its sender's certificate is another's.");
    };
  },
};
