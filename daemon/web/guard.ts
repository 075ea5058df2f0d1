import type { IncomingHttpHeaders } from 'node:http';
import { isIPv4 } from 'node:net';
import { PortcullisError } from '../base/errors.ts';

/** Present on every request that changes something. No form and no foreign script can add it. */
export const CUSTOM_HEADER = 'x-portcullis';

/** Throws `web.loopback` for an address others could reach: there is no sign-in yet, so the page is this box's alone. */
export function checkListenHost(host: string): void {
  if (!isLoopback(host))
    throw new PortcullisError(
      'web.loopback',
      `The operators' page does not listen on ${host}: it has no sign-in yet, and anyone who reached it could trip the gate and read the ledger.`,
    );
}

/**
 * Throws `web.host` when the request is for a name that is not ours: a foreign page whose name was made to resolve to
 * this box (DNS rebinding) still sends its own name. The port may differ, as through an SSH tunnel.
 */
export function checkHost(headers: IncomingHttpHeaders): void {
  const name = /^(\[[^\]]*\]|[^:]*)(:\d{1,5})?$/.exec(headers.host ?? '')?.[1]?.replace(/^\[|\]$/g, '');
  if (name === undefined || !isLoopback(name.toLowerCase()))
    throw new PortcullisError(
      'web.host',
      `This server does not answer for ${headers.host ?? 'a request without Host'}.`,
    );
}

/** Throws `web.refused` for what a browser sends on behalf of another site. */
export function checkSameSite(headers: IncomingHttpHeaders): void {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    throw new PortcullisError('web.refused', 'The request comes from another site.');
}

/** Throws `web.refused` unless the request was meant: our header, and where a browser names an origin, our own. */
export function checkMeant(headers: IncomingHttpHeaders): void {
  if (headers[CUSTOM_HEADER] === undefined)
    throw new PortcullisError('web.refused', 'The request lacks the header X-Portcullis.');
  if (headers.origin !== undefined && headers.origin !== `http://${headers.host}`)
    throw new PortcullisError('web.refused', `The request comes from the origin ${headers.origin}.`);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}
