import { resolve } from 'node:path';
import { isoTime } from '../base/clock.ts';
import { durationMs } from '../base/duration.ts';
import { parseWindow, skippedStart, upcoming } from '../schedule/window.ts';
import { boardRules } from './board-rules.ts';
import type { Finding } from './fault.ts';
import { isWithin } from './paths.ts';
import { type Place, pathText } from './place.ts';
import type { Readable } from './readable.ts';

/**
 * What the values must have in common beyond being right each by itself. Judges whatever is readable, so that its
 * findings come in the same run as those of the schema.
 */
export function rules(readable: Readable, directory: string): Finding[] {
  return [
    ...duplicates(readable),
    ...ports(readable),
    ...insideVault(readable, directory),
    ...sockets(readable, directory),
    ...boardRules(readable),
    ...bucketBehindBoard(readable),
    ...signedTimes(readable),
    ...clientCertificates(readable),
    ...neverDegrading(readable),
  ];
}

/** Windows that begin at a time which the clocks skip in the year after `wall` (milliseconds since the epoch). */
export function skippedWindows({ windows }: Readable, wall: number): Finding[] {
  return windows.flatMap((window, index): Finding[] => {
    if (window === undefined) return [];
    const parsed = parseWindow({ ...window, durationMs: durationMs(window.duration) ?? 0 });
    const skipped = parsed.ok ? skippedStart(parsed.window, wall) : undefined;
    if (skipped === undefined) return [];
    const local = isoTime(skipped.local).slice(0, 16).replace('T', ' ');
    return [
      {
        place: ['windows', index, 'cron'],
        found: `a window that would begin at ${local}, a time the clocks of ${window.timezone} skip`,
        accepted: 'a time that exists on every day, or a time zone without summer time such as UTC',
      },
    ];
  });
}

const DAY_MS = 86_400_000;
/** As far ahead as gaps between windows are looked for: more windows than there are days in a year. */
const WINDOWS_AHEAD = 400;

/** Locks are extended while connected: between two windows they have to hold by themselves. `wall` is milliseconds since the epoch. */
export function locksTooShort({ vault, windows }: Readable, wall: number): Finding[] {
  if (vault?.store.kind !== 's3' || vault.store.objectLock === 'none') return [];
  const parsed = windows.flatMap((window) => {
    const one = window && parseWindow({ ...window, durationMs: durationMs(window.duration) ?? 0 });
    return one?.ok === true ? [one.window] : [];
  });
  const starts = upcoming(parsed, wall, WINDOWS_AHEAD).map(({ startWall }) => startWall);
  const longest = Math.max(0, ...starts.slice(1).map((start, index) => start - (starts[index] ?? start)));
  const retentionMs = durationMs(vault.store.retention) ?? 0;
  if (longest <= retentionMs) return [];
  return [
    {
      place: ['vault', 'store', 'retention'],
      found: `${JSON.stringify(vault.store.retention)}, with up to ${Math.ceil(longest / DAY_MS)} days from window to window`,
      accepted:
        'at least as long as that: locks are extended in windows, and whoever has the credentials waits for one to run out',
    },
  ];
}

function duplicates({ names }: Readable): Finding[] {
  return names.flatMap((list) => {
    const first = new Map<string, Place>();
    return list.flatMap(({ text, place }): Finding[] => {
      const before = first.get(text);
      if (before === undefined) first.set(text, place);
      if (before === undefined) return [];
      const found = `${JSON.stringify(text)}, which is ${pathText(before)} already`;
      return [{ place, found, accepted: 'a name that no other in the list has' }];
    });
  });
}

function ports({ intake, web }: Readable): Finding[] {
  if (intake === undefined || web === undefined || intake.port === 0 || intake.port !== web.port) return [];
  const everywhere = (host: string) => host === '0.0.0.0' || host === '::';
  const same = (host: string) => (host === 'localhost' ? '127.0.0.1' : host);
  if (same(intake.host) !== same(web.host) && !everywhere(intake.host) && !everywhere(web.host)) return [];
  return [
    {
      place: ['web', 'port'],
      found: `${web.port}, which intake listens on`,
      accepted: 'a port of its own',
    },
  ];
}

/** The vault is gone while isolated, and whatever lies in it with it. */
function insideVault({ appliance, board, vault, ledger, sources }: Readable, directory: string): Finding[] {
  if (vault?.store.kind !== 'directory') return [];
  const store = resolve(directory, vault.store.path);
  const places: [Place, string | undefined][] = [
    [['appliance', 'state'], appliance?.state],
    [['appliance', 'work'], appliance?.work],
    [['appliance', 'runtime'], appliance?.runtime],
    [['board', 'directory'], board?.driver === 'simulated' ? board.directory : undefined],
    [['vault', 'staging'], vault.staging],
    [['ledger', 'path'], ledger?.path],
    ...sources.map((source, index): [Place, string | undefined] => [
      ['sources', index, 'path'],
      source?.kind === 'directory' ? source.path : undefined,
    ]),
  ];
  return places.flatMap(([place, path]) => {
    if (path === undefined || !isWithin(resolve(directory, path), store)) return [];
    return [
      {
        place,
        found: `${JSON.stringify(path)}, which lies in the vault`,
        accepted: `a path outside ${store}, which does not exist while the vault is isolated`,
      },
    ];
  });
}

/** A bucket is reached over a network: what is proven or taken away with a disk does not speak of it. */
function bucketBehindBoard({ board, vault }: Readable): Finding[] {
  if (vault?.store.kind !== 's3' || board === undefined) return [];
  if (board.driver === 'simulated') {
    const accepted = 'directory: the simulated board takes a directory away, not a network';
    return [{ place: ['vault', 'store', 'kind'], found: '"s3" with the simulated board', accepted }];
  }
  if (board.device === undefined) return [];
  const accepted = 'no device with a store of kind s3: `carrier` and `probe` prove a network link';
  return [{ place: ['board', 'device'], found: JSON.stringify(board.device), accepted }];
}

/** Unix allows 107 bytes for a socket's path, and Node cuts a longer one off without a word. */
const LONGEST_RUNTIME = 107 - '/records'.length;

function sockets({ appliance }: Readable, directory: string): Finding[] {
  if (appliance === undefined) return [];
  const length = Buffer.byteLength(resolve(directory, appliance.runtime));
  if (length <= LONGEST_RUNTIME) return [];
  return [
    {
      place: ['appliance', 'runtime'],
      found: `a path of ${length} bytes`,
      accepted: `at most ${LONGEST_RUNTIME} bytes, so that the sockets in it fit into the 107 that Unix allows`,
    },
  ];
}

/** A timestamp that is required but not signed proves nothing, and one that is signed must be found. */
function signedTimes({ alertSources }: Readable): Finding[] {
  return alertSources.flatMap((source, index): Finding[] => {
    if (source?.auth.scheme !== 'hmac') return [];
    const { signed, timestampHeader } = source.auth;
    if (signed.includes('{timestamp}') === (timestampHeader !== undefined)) return [];
    const place = ['intake', 'sources', index, 'auth', timestampHeader === undefined ? 'signed' : 'timestampHeader'];
    return timestampHeader === undefined
      ? [
          {
            place,
            found: JSON.stringify(signed),
            accepted: 'text without {timestamp}, unless `timestampHeader` is set',
          },
        ]
      : [{ place, found: JSON.stringify(timestampHeader), accepted: 'nothing, unless `signed` has {timestamp} in it' }];
  });
}

/** A certificate proves somebody only if it is known who issues them, and whose it must be. */
function clientCertificates({ alertSources, intake }: Readable): Finding[] {
  return alertSources.flatMap((source, index): Finding[] => {
    if (source?.auth.scheme !== 'mtls') return [];
    const { names, fingerprints } = source.auth;
    const place = ['intake', 'sources', index, 'auth'];
    const findings: Finding[] = [];
    if (names === undefined && fingerprints === undefined)
      findings.push({
        place,
        found: 'neither `names` nor `fingerprints`',
        accepted: 'at least one of them: who issues certificates issues more than one',
      });
    if (intake !== undefined && intake.tls?.clientCa === undefined)
      findings.push({
        place: [...place, 'scheme'],
        found: '"mtls" without `intake.tls.clientCa`',
        accepted: 'another scheme, unless intake speaks TLS and knows who issues the certificates of senders',
      });
    return findings;
  });
}

/** What is said and never happens would be relied on. */
function neverDegrading({ alertSources }: Readable): Finding[] {
  return alertSources.flatMap((source, index): Finding[] => {
    const { silence, after } = source?.heartbeat === 'none' ? {} : (source?.heartbeat ?? {});
    if (after === undefined || silence === 'degrade') return [];
    const place = ['intake', 'sources', index, 'heartbeat', 'after'];
    return [
      {
        place,
        found: `${JSON.stringify(after)} with silence: ${silence}`,
        accepted: 'nothing, unless `silence` is degrade',
      },
    ];
  });
}
