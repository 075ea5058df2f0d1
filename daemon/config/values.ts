import { BlockList, isIP, isIPv6 } from 'node:net';
import { RE2JS } from 're2js';
import { z } from 'zod';
import { DURATION, durationMs } from '../base/duration.ts';
import { reasonOf } from '../base/errors.ts';
import { SIZE, sizeBytes } from '../base/size.ts';
import { parseCron } from '../schedule/cron.ts';
import { findZone } from '../schedule/zone.ts';
import { suggest } from './near.ts';

/**
 * The kinds of single values the configuration knows. Every message says what is accepted, as the end of a sentence
 * "accepted is …".
 */

export function matching(pattern: RegExp, accepted: string) {
  return z.string(accepted).regex(pattern, accepted);
}

/** Why RE2 refuses `pattern`, or undefined. */
export function patternFault(pattern: string): string | undefined {
  try {
    RE2JS.compile(pattern);
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

export function whole(minimum: number, maximum: number) {
  const accepted = `a whole number from ${minimum} to ${maximum}`;
  return z.int(accepted).min(minimum, accepted).max(maximum, accepted);
}

export function duration(minimum: string, maximum: string) {
  const low = durationMs(minimum) ?? 0;
  const high = durationMs(maximum) ?? 0;
  const accepted = `a duration from ${minimum} to ${maximum}, such as 500ms, 30s, 10m, 1h`;
  return z
    .string(accepted)
    .regex(DURATION, { message: accepted, abort: true })
    .refine((text) => {
      const ms = durationMs(text);
      return ms !== undefined && ms >= low && ms <= high;
    }, accepted);
}

export function size(minimum: string, maximum: string) {
  const low = sizeBytes(minimum) ?? 0;
  const high = sizeBytes(maximum) ?? 0;
  const accepted = `a size from ${minimum} to ${maximum}, such as 128M, 16G`;
  return z
    .string(accepted)
    .regex(SIZE, { message: accepted, abort: true })
    .refine((text) => {
      const bytes = sizeBytes(text);
      return bytes !== undefined && bytes >= low && bytes <= high;
    }, accepted);
}

export const name = matching(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'a short name of lower-case letters, digits, . _ and -');

/** Relative ones are read from the directory the configuration stands in, so that a folder with everything can move. */
export const path = matching(
  /^(?!~)[^\0]{1,4095}$/,
  'a path, absolute or relative to the directory of this file (~ is not expanded)',
);

export const cron = z.string('a cron expression').check(({ value, issues }) => {
  const result = parseCron(value);
  if (result.ok) return;
  for (const { field, found, accepted } of result.faults) {
    const params = { found: field === 'expression' ? JSON.stringify(found) : `${JSON.stringify(found)} as ${field}` };
    issues.push({ code: 'custom', input: value, message: accepted, params });
  }
});

export const timezone = z.string('an IANA time zone').check(({ value, issues }) => {
  if (findZone(value) !== undefined) return;
  const accepted = 'an IANA time zone such as Europe/Berlin or UTC';
  const message = suggest(value, Intl.supportedValuesOf('timeZone'), accepted);
  issues.push({ code: 'custom', input: value, message });
});

/** An address a server can bind without asking a name server. */
export const host = z
  .union([z.ipv4(), z.ipv6(), z.literal('localhost')], 'an IP address of this machine, or localhost')
  .describe('Address to listen on.');

/** As the kernel allows them: 15 bytes, no slash, no space; and no colon, which means an alias of old. */
export const networkInterface = matching(
  /^(?!\.{1,2}$)[!-.0-9;-~]{1,15}$/,
  "a network interface's name such as eth0, at most 15 characters",
);

/** Somebody else's address. A name is for a name service to find. */
export const remoteHost = z.union(
  [
    z.ipv4(),
    z.ipv6(),
    z
      .string()
      .regex(
        /^(?=.{1,253}$)(?!.*\.\d+$)(?!\d+$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$/,
      ),
  ],
  'an IP address, or a host name',
);

const S3_ENDPOINT = 'https://HOST:PORT, or http:// with localhost or a private IP address';

/** Not resolved: whether a name is private is for a name service to say, now or another time. */
const PRIVATE = new BlockList();
for (const [net, bits] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
] as const)
  PRIVATE.addSubnet(net, bits);
for (const [net, bits] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  PRIVATE.addSubnet(net, bits, 'ipv6');

/** Unencrypted only on a wire of one's own: whoever can answer for the server can say that a lock is there. */
export const s3Endpoint = z.string(S3_ENDPOINT).check(({ value, issues }) => {
  const refuse = (message: string) => void issues.push({ code: 'custom', input: value, message });
  const url = /^https?:\/\/[^\s]+$/i.test(value) && URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || url.pathname !== '/' || url.search !== '' || url.hash !== '') return refuse(S3_ENDPOINT);
  if (url.username !== '' || url.password !== '')
    return refuse('an address without credentials: secrets never stand in this file');
  if (url.protocol === 'https:' || url.hostname === 'localhost') return;
  const address = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(address) === 0 || !PRIVATE.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')) refuse(S3_ENDPOINT);
});

const GIT_URL = 'https://…, ssh://…, git://…, file://…, USER@HOST:PATH, or a path that starts with /, ./ or ../';

export const gitUrl = z.string(GIT_URL).check(({ value, issues }) => {
  const url = /^(?:https?|ssh|git|file):\/\/(?:([^/]*)@)?[^\s]+$/i.exec(value);
  const local = /^(?:\/|\.\.?\/)[^\0]*$/.test(value);
  const scp = /^(?!-)[^\s/:]+:[^\s:][^\s]*$/.test(value) && !value.includes('::');
  const refuse = (message: string) => issues.push({ code: 'custom', input: value, message });
  if (url === null && !local && !scp) refuse(GIT_URL);
  // Over https even a lone user name can be a token.
  else if (url?.[1]?.includes(':') || (url?.[1] !== undefined && /^http/i.test(value)))
    refuse('an address without credentials: secrets never stand in this file');
});

const FORGE_URL = 'an address such as https://forge.example; http:// only to this box';

/** A token goes there, so nobody may listen. */
export const forgeUrl = z.string(FORGE_URL).check(({ value, issues }) => {
  const refuse = (message: string) => void issues.push({ code: 'custom', input: value, message });
  const url = /^https?:\/\/[^\s]+$/i.test(value) && URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || url.search !== '' || url.hash !== '') return refuse(FORGE_URL);
  if (url.username !== '' || url.password !== '')
    return refuse('an address without credentials: secrets never stand in this file');
  if (url.protocol !== 'https:' && !['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)) refuse(FORGE_URL);
});

/** One address, bare: what a mail server is told (RFC 5321, section 4.1.2, without quoted names). */
export const mailAddress = matching(
  /^[^\s@<>",;:]{1,64}@[^\s@<>",;:]{1,255}$/,
  'a mail address such as ops@example.org',
);
