import { renameSync, unlinkSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import type { Log } from '../../daemon/base/log.ts';
import type { TlsConfig } from '../../daemon/config/schema.ts';
import {
  authorized,
  type Bench,
  bench,
  head,
  ManualClock,
  post,
  sample,
  signed,
  speak,
  speakOn,
  until,
} from './helpers.ts';
import { certificateFiles, dial, KEYS, postOver } from './tls-bench.ts';

const firing = sample('alertmanager-v4-agent-destructive-firing.json');
const WALL = Date.parse('2026-11-28T00:00:00.000Z');

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function files(...pair: Parameters<typeof certificateFiles>) {
  const made = certificateFiles(...pair);
  ends.push(made.remove);
  return made;
}

async function start(tls: TlsConfig, options: Parameters<typeof bench>[0] = {}): Promise<Bench> {
  const started = await bench({ tls, ...options });
  ends.push(started.stop);
  return started;
}

/** The serial number of the certificate that is shown to whoever connects now. */
async function shown(port: number): Promise<string> {
  const socket = dial(port);
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  const serial = socket.getPeerX509Certificate()?.serialNumber ?? '';
  socket.destroy();
  return serial;
}

describe('with TLS', () => {
  test('an alert trips, by every scheme as before, whether or not the sender shows a certificate', async () => {
    const { certificate, key, clientCa } = files().paths;
    const { port: plain, gate: first } = await start({ certificate, key });
    expect((await postOver(dial(plain), '/alerts/prometheus', authorized, firing)).body).toMatchObject({
      tripped: true,
    });
    expect(first.causes).toHaveLength(1);
    const { port, gate } = await start({ certificate, key, clientCa });
    for (const pair of [undefined, KEYS.alerts, KEYS.foreign, KEYS.expired])
      expect((await postOver(dial(port, pair), '/alerts/prometheus', authorized, firing)).body).toMatchObject({
        tripped: true,
      });
    const body = '{"type":"agent.destructive"}';
    expect((await postOver(dial(port), '/alerts/detector', signed(body), body)).body).toMatchObject({ tripped: true });
    expect(await postOver(dial(port), '/alerts/prometheus', {}, firing)).toMatchObject({ status: 401 });
    expect(gate.causes).toHaveLength(5);
  });

  test('nothing older than TLS 1.2, and no HTTP', async () => {
    const { port, gate } = await start(files().paths);
    for (const version of ['TLSv1', 'TLSv1.1'] as const) {
      const old = dial(port, undefined, { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' });
      expect(await postOver(old, '/alerts/prometheus', authorized, firing)).toMatchObject({ status: 0 });
    }
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const socket = dial(port, undefined, { minVersion: version, maxVersion: version });
      expect(await postOver(socket, '/alerts/prometheus', authorized, firing)).toMatchObject({ status: 202 });
    }
    expect((await post(port, '/alerts/prometheus', authorized, firing)).status).not.toBe(202);
    expect(gate.causes).toHaveLength(2);
  });

  test('a session is not resumed where certificates of senders count', async () => {
    const { port } = await start(files().paths);
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const first = dial(port, KEYS.alerts, { minVersion: version, maxVersion: version });
      let session: Buffer | undefined;
      first.on('session', (given) => {
        session = given;
      });
      await postOver(first, '/alerts/prometheus', authorized, firing);
      const again = dial(port, undefined, { minVersion: version, maxVersion: version, ...(session && { session }) });
      const reused = new Promise((resolve) => again.once('secureConnect', () => resolve(again.isSessionReused())));
      await postOver(again, '/alerts/prometheus', authorized, firing);
      expect(await reused).toBe(false);
    }
  });

  test('a stranger who never shakes hands holds a place like any other, and is pushed out', async () => {
    const { port, gate } = await start(files().paths, { maxBody: 64 << 20 });
    const room = 16;
    const sender = dial(port);
    const alert = speakOn(sender, head('/alerts/prometheus', authorized, firing.length));
    await new Promise((resolve) => sender.once('secureConnect', resolve));
    // It is known as a sender's once its head has been read; what follows is not.
    const held = Array.from({ length: room }, () => speak(port, Buffer.from([0x16, 0x03, 0x01])));
    const more = Array.from({ length: 2 * room }, () => speak(port));
    await Promise.all([...held, ...more.slice(0, room)].map(({ answer }) => answer));
    sender.write(firing);
    expect((await alert.answer).body).toMatchObject({ tripped: true });
    expect(gate.causes).toHaveLength(1);
    for (const { socket } of more) socket.destroy();
  });

  test('stop ends those who never finish their handshake', async () => {
    const { port, stop } = await start(files().paths);
    const { answer } = speak(port, Buffer.from([0x16, 0x03, 0x01]));
    // The one after it has been greeted, so the first has been taken in.
    await shown(port);
    await stop();
    expect(await answer).toMatchObject({ status: 0 });
  });

  test('bytes that are no TLS end their connection and nothing else', async () => {
    const { port, gate } = await start(files().paths);
    const hello = Buffer.from('16030100050100000100', 'hex');
    for (const bytes of [
      Buffer.alloc(3000, 0xff),
      hello,
      Buffer.from('15030300020228', 'hex'),
      Buffer.alloc(70_000, 0x16),
    ])
      expect((await speak(port, bytes).answer).status).not.toBe(202);
    const { socket, answer } = speak(port, hello.subarray(0, 7));
    socket.end();
    await answer;
    expect((await postOver(dial(port), '/alerts/prometheus', authorized, firing)).body).toMatchObject({
      tripped: true,
    });
    expect(gate.causes).toHaveLength(1);
  });
});

describe('files that change', () => {
  const LOOK = 30_000;
  async function watched() {
    const clock = new ManualClock();
    clock.wallMs = WALL;
    const lines: { level: string; message: string; error: unknown }[] = [];
    const at =
      (level: string): Log['info'] =>
      (message, fields) =>
        void lines.push({ level, message, error: fields?.['error'] });
    const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
    const made = files();
    const intake = await start(made.paths, { clock, log });
    const first = await shown(intake.port);
    /** Lets time go by until the line of that number has been said. */
    const said = (number: number) =>
      until(() => {
        clock.advance(LOOK);
        return lines[number];
      });
    return { ...made, ...intake, clock, lines, said, first };
  }

  test('are spoken with from then on, without a restart and without ending what is open', async () => {
    const { port, write, clock, said, first, gate } = await watched();
    const open = dial(port);
    const alert = speakOn(open, head('/alerts/prometheus', authorized, firing.length));
    await new Promise((resolve) => open.once('secureConnect', resolve));
    clock.advance(LOOK);
    expect(await shown(port)).toBe(first);
    write('certificate', KEYS.next.certificate);
    write('key', KEYS.next.key);
    expect(await said(0)).toMatchObject({ level: 'info' });
    expect(await shown(port)).not.toBe(first);
    open.write(firing);
    expect((await alert.answer).body).toMatchObject({ tripped: true });
    // What is asked of a connection stays: version, and who may be renegotiated with.
    const old = dial(port, undefined, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
    expect(await postOver(old, '/alerts/prometheus', authorized, firing)).toMatchObject({ status: 0 });
    expect(gate.causes).toHaveLength(1);
  });

  test.each([
    [
      'a key that does not fit yet',
      (made: ReturnType<typeof certificateFiles>) => made.write('certificate', KEYS.next.certificate),
      'does not fit',
    ],
    [
      'a certificate half written',
      (made) => made.write('certificate', KEYS.next.certificate.slice(0, 300)),
      'whole certificates',
    ],
    [
      'a chain half written',
      (made) => made.write('certificate', KEYS.server.certificate + KEYS.next.certificate.slice(0, 300)),
      'whole certificates',
    ],
    ['an empty key', (made) => made.write('key', ''), 'not a private key'],
    ['a key behind a passphrase', (made) => made.write('key', KEYS.server.locked), 'passphrase'],
    ['a file that is gone', (made) => unlinkSync(made.paths.certificate), 'no such file'],
    ['no authority', (made) => made.write('clientCa', 'x'), 'clientCa'],
  ] satisfies [string, (made: ReturnType<typeof certificateFiles>) => void, string][])(
    '%s: spoken as before, said once, and taken over when it is right',
    async (_, damage, why) => {
      const made = await watched();
      const { port, clock, lines, said, first, write } = made;
      damage(made);
      await said(0);
      for (let n = 0; n < 3; n++) {
        clock.advance(LOOK);
        expect(await shown(port)).toBe(first);
      }
      expect(lines).toMatchObject([{ level: 'error', error: expect.stringContaining(why) }]);
      write('certificate', KEYS.next.certificate);
      write('key', KEYS.next.key);
      write('clientCa', KEYS.authority.certificate);
      expect(await said(1)).toMatchObject({ level: 'info' });
      expect(await shown(port)).not.toBe(first);
    },
  );

  test('a pair put in place by renaming is seen, though it is as large and as old', async () => {
    const { port, paths, said, first, stop, clock } = await watched();
    const next = files(KEYS.next).paths;
    renameSync(next.certificate, paths.certificate);
    renameSync(next.key, paths.key);
    await said(0);
    expect(await shown(port)).not.toBe(first);
    await stop();
    expect(clock.pending).toBe(0);
  });
});

describe('files TLS cannot be spoken with, at the start', () => {
  test.each([
    ['certificate', 'absent', undefined, 'no such file'],
    ['certificate', 'no certificate', 'x', 'whole certificates'],
    ['certificate', 'a damaged one', KEYS.server.certificate.replace(/\n\w{10}/, '\nAAAAAAAAAA'), 'is no certificate'],
    ['certificate', 'larger than any', 'x'.repeat((64 << 10) + 1), 'more than 65536 bytes'],
    ['key', 'of another certificate', KEYS.next.key, 'does not fit'],
    ['clientCa', 'empty', '', 'whole certificates'],
  ] as const)('%s %s: intake says so and does not start', async (name, _, text, why) => {
    const { paths, write } = files();
    if (text === undefined) unlinkSync(paths[name]);
    else write(name, text);
    const failure = await bench({ tls: paths }).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ code: 'intake.tls', exit: 2 });
    expect(String(failure)).toContain(`\`${name}\` (${paths[name]}): found `);
    expect(String(failure)).toContain(why);
    expect(String(failure)).not.toContain('PRIVATE KEY');
  });

  test('a certificate that has ended is spoken with, and said', async () => {
    const said: unknown[] = [];
    const log = { debug() {}, info() {}, warn: (message: string) => void said.push(message), error() {} };
    const { port, gate } = await start(files(KEYS.expired).paths, { log });
    expect(said).toEqual(['the certificate for TLS has ended']);
    const careless = dial(port, undefined, { rejectUnauthorized: false });
    expect((await postOver(careless, '/alerts/prometheus', authorized, firing)).body).toMatchObject({ tripped: true });
    expect(gate.causes).toHaveLength(1);
  });
});
