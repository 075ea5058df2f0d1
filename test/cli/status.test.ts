import { expect, it } from 'vitest';
import { statusText } from '../../daemon/cli/status.ts';
import { gateView, keeperStatus, TWO_DOORS, WALL } from '../web/samples.ts';

const lines = (...[gate, keeper]: Parameters<typeof keeperStatus>) =>
  statusText(gate ?? gateView(), keeperStatus(gate, keeper), WALL).split('\n');

it('says what is measured, and of a plain box nothing it does not have', () => {
  const text = lines();
  expect(text).toContain('Measured: contact dead, device dead.');
  expect(text).toContain('Proof test: never; the next connection begins with it.');
  expect(text.join('\n')).not.toMatch(/Uplink|supply|attention|Waiting for `portcullis/);
});

it('says every proof, both doors, the coil supply and the last proof test', () => {
  expect(lines(TWO_DOORS, { proofs: { carrier: 'dead', probe: 'unknown' } })).toEqual(
    expect.arrayContaining([
      'Measured: contact dead (relay 1 dead, relay 2 dead), device dead, carrier dead, probe unknown.',
      'Uplink: connected; measured alive.',
      'Coil supply: there.',
      'Proof test: passed 2026-07-31T02:00:00.000Z (24 h ago). Relays, contacts, carrier and probe each broke and made.',
    ]),
  );
});

it('says of a snapshot that it was read back from memory, and claims nothing of the others', () => {
  const [source] = keeperStatus().sources;
  const told = (readBack: 'direct' | 'cached') =>
    source?.lastSnapshot === undefined
      ? ''
      : lines(gateView(), { sources: [{ ...source, lastSnapshot: { ...source.lastSnapshot, readBack } }] }).join('\n');
  expect(told('cached')).toContain(', read back from memory only (cached)');
  expect(told('direct')).toMatch(/snapshot 12, /);
  expect(told('direct')).not.toContain('read back');
});

it('says what waits for a person, and what wants attention', () => {
  const text = lines(gateView({ waiting: ['Window nightly is longer.'] }), { attention: ['The probe is refused.'] });
  const at = (line: string) => text.indexOf(line);
  expect(text[at('  - Window nightly is longer.') - 1]).toMatch(/^Applied, but not in force/);
  expect(text[at('  The probe is refused.') - 1]).toBe('Wants attention:');
});

it('says of each alert source whether it is heard, and what happens if not', () => {
  const heartbeat = { everyMs: 300_000, silence: 'degrade', afterMs: 259_200_000 } as const;
  const heard = { lastHeardWall: WALL - 61_000 };
  const text = lines(gateView(), {
    alertSources: [
      { name: 'a', heartbeat, ...heard, state: 'alive', blocks: false },
      { name: 'b', heartbeat: { ...heartbeat, silence: 'block' }, ...heard, state: 'silent', blocks: true },
      { name: 'c', heartbeat: { ...heartbeat, silence: 'warn' }, state: 'silent', blocks: false },
      { name: 'd', heartbeat, ...heard, state: 'degraded', blocks: false },
      { name: 'e', state: 'unwatched', blocks: false },
    ],
  });
  const last = 'last heard 2026-08-01T01:58:59.000Z (61 s ago)';
  expect(text.slice(text.indexOf('Alert sources:') + 1).map((line) => line.trim().replace(/ {2,}/g, ' '))).toEqual([
    `a alive ${last}; every 5m, silence: degrade after 3d`,
    `b SILENT, blocks ${last}; every 5m, silence: block`,
    'c SILENT never heard; every 5m, silence: warn',
    `d SILENT, blocks no more ${last}; every 5m, silence: degrade after 3d`,
    'e unwatched never heard; no heartbeat: nobody would notice its silence',
    '',
  ]);
});

it('says whether working copies are plaintext at rest', () => {
  const told = (atRest: 'encrypted' | 'plaintext' | 'unknown') =>
    lines(gateView(), { workingCopies: { path: '/work', atRest, detail: 'sda' } }).find((line) =>
      line.startsWith('Working'),
    );
  expect(told('plaintext')).toBe('Working copies: plaintext at rest in /work (sda).');
  expect(told('encrypted')).toBe('Working copies: encrypted at rest in /work (sda).');
  expect(told('unknown')).toBe('Working copies: perhaps plaintext at rest in /work (sda).');
  expect(lines(gateView()).join('\n')).not.toContain('Working copies');
});

it('says what a source is doing while there is nothing to seal yet', () => {
  const [source] = keeperStatus().sources;
  const progress = { what: 'issues of acme/app: 200 (3 of 12)', files: 0, bytes: 0 };
  const text = source && lines(gateView(), { sources: [{ ...source, state: 'sealing', progress }] });
  expect(text?.map((line) => line.trim())).toContain('issues of acme/app: 200 (3 of 12)');
});
