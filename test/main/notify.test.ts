import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { openNotify } from '../../daemon/main/notify.ts';
import { until } from '../gate/rig.ts';

/** Listens as a service manager does: a datagram socket, one line of JSON for each message. Node has none. */
const RECEIVER = `import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', chr(0), 1) if sys.argv[1].startswith('@') else sys.argv[1])
print('"bound"', flush=True)
while True: print(json.dumps(s.recv(4096).decode()), flush=True)`;

const folders: string[] = [];
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'pc-notify-'));
  folders.push(made);
  return made;
}

async function manager(address: string): Promise<{ heard: string[] }> {
  const child = spawn('python3', ['-c', RECEIVER, address], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const heard: string[] = [];
  let rest = '';
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    heard.push(...lines.map((line) => JSON.parse(line) as string));
  });
  await until(() => heard.includes('bound'));
  heard.length = 0;
  return { heard };
}

describe('talking to the service manager', () => {
  it.each([
    ['a path', () => join(folder(), 'notify')],
    ['an abstract name', () => `@pc-${randomBytes(8).toString('hex')}`],
  ])('reaches it at %s, each state whole and in order', async (_what, address) => {
    const at = address();
    const { heard } = await manager(at);
    const notify = await openNotify(at);
    for (const state of ['READY=1\nSTATUS=ä', 'WATCHDOG=1', 'WATCHDOG=1', 'STOPPING=1']) notify.send(state);
    await until(() => heard.length === 5);
    expect(heard).toEqual(['STATUS=Starting.', 'READY=1\nSTATUS=ä', 'WATCHDOG=1', 'WATCHDOG=1', 'STOPPING=1']);
  });

  it.each([undefined, ''])('does nothing where there is none (%j)', async (address) => {
    const notify = await openNotify(address);
    notify.send('READY=1');
    notify.try('STOPPING=1');
  });

  it.each([
    ['nobody has', () => join(folder(), 'nobody')],
    ['an abstract name nobody has', () => `@pc-${randomBytes(8).toString('hex')}`],
    [
      'is no socket',
      () => {
        const file = join(folder(), 'file');
        writeFileSync(file, '');
        return file;
      },
    ],
    ['is no address at all', () => 'notify'],
    ['is too long', () => `/${'x'.repeat(200)}`],
  ])('refuses an address that %s', async (_what, address) => {
    await expect(openNotify(address())).rejects.toMatchObject({ code: 'gate.notify' });
  });

  it('says so when the manager goes away, without ending or waiting, and may be heard again', async () => {
    const at = join(folder(), 'notify');
    await manager(at);
    const notify = await openNotify(at);
    children[0]?.kill('SIGKILL');
    await until(() => children[0]?.signalCode !== null);
    expect(() => notify.send('WATCHDOG=1')).toThrow(expect.objectContaining({ code: 'gate.notify' }));
    notify.try('STOPPING=1');
    rmSync(at);
    const { heard } = await manager(at);
    notify.send('WATCHDOG=1');
    await until(() => heard.length === 1);
    expect(heard).toEqual(['WATCHDOG=1']);
  });

  it('does not wait for a manager that does not read', async () => {
    const at = join(folder(), 'notify');
    await manager(at);
    const notify = await openNotify(at);
    children[0]?.kill('SIGSTOP');
    // More than any queue of datagrams holds.
    const flood = () => {
      for (let count = 0; count < 100_000; count += 1) notify.send('WATCHDOG=1');
    };
    expect(flood).toThrow('EAGAIN');
  });
});
