import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectUnix, SocketDirectory } from '../../daemon/base/listen.ts';

let folder: string;
let sockets: SocketDirectory;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portcullis-sockets-'));
  sockets = new SocketDirectory(folder);
});

afterEach(async () => {
  await sockets.stop();
  await rm(folder, { recursive: true });
});

describe('SocketDirectory', () => {
  it('serves a socket that only owner and group may use', async () => {
    await sockets.serve('trip', (socket) => socket.end('hello'));
    const socket = await connectUnix(join(folder, 'trip'));
    const [hello] = await once(socket, 'data');
    expect(String(hello)).toBe('hello');
    expect((await stat(join(folder, 'trip'))).mode & 0o777).toBe(0o660);
  });

  it('does not take a socket away from who answers there', async () => {
    const accepted: string[] = [];
    await sockets.serve('trip', () => accepted.push('first'));
    const second = new SocketDirectory(folder);
    await expect(second.serve('trip', () => accepted.push('second'))).rejects.toMatchObject({ code: 'socket.taken' });
    await second.stop();
    (await connectUnix(join(folder, 'trip'))).destroy();
    await expect.poll(() => accepted).toContain('first');
    expect(accepted).not.toContain('second');
  });

  it('replaces what a killed process left behind', async () => {
    await writeFile(join(folder, 'trip'), '');
    await sockets.serve('trip', (socket) => socket.end('x'));
    expect(String((await once(await connectUnix(join(folder, 'trip')), 'data'))[0])).toBe('x');
  });

  it.each([
    ['the directory is absent', 'absent/trip'],
    ['the path is too long for Unix', 'x'.repeat(120)],
  ])('rejects with socket.failed when %s', async (_title, name) => {
    await expect(sockets.serve(name, () => {})).rejects.toMatchObject({ code: 'socket.failed' });
    expect(await readdir(folder)).toEqual([]);
  });

  it('cuts every conversation when it stops, and stops twice', async () => {
    await sockets.serve('trip', () => {});
    const socket = await connectUnix(join(folder, 'trip'));
    const closed = once(socket, 'close');
    await sockets.stop();
    await sockets.stop();
    await closed;
    await expect(connectUnix(join(folder, 'trip'))).rejects.toMatchObject({ code: 'socket.unreachable' });
  });
});

describe('connectUnix', () => {
  it('rejects with socket.unreachable when nobody listens', async () => {
    await expect(connectUnix(join(folder, 'absent'))).rejects.toMatchObject({ code: 'socket.unreachable' });
    const server = createServer().listen(join(folder, 'gone'));
    await once(server, 'listening');
    await new Promise((resolve) => server.close(resolve));
    await expect(connectUnix(join(folder, 'gone'))).rejects.toMatchObject({ code: 'socket.unreachable' });
  });
});
