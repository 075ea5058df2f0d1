import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SourceSettings } from '../../daemon/sources/open.ts';
import { contract } from './contract.ts';
import { eventually, never, processesMarked, pullAll, type Read, source, temporary } from './helpers.ts';
import { type Line, lineTo, type Sshd, startSshd } from './sshd.ts';

const PULL = new URL('./pull-once.ts', import.meta.url).pathname;

// Each run is a handshake, an rsync and a shell at both ends.
vi.setConfig({ testTimeout: 180_000 });

let sshd: Sshd;
let folder: string;
const lines: Line[] = [];
beforeAll(async () => {
  const { mkdtemp } = await import('node:fs/promises');
  folder = await mkdtemp('/tmp/portcullis-sshd-');
  sshd = await startSshd(folder);
});
afterAll(async () => {
  await sshd.stop();
  await rm(folder, { recursive: true, force: true });
});
afterEach(async () => {
  sshd.permit('');
  for (const line of lines.splice(0)) await line.close();
});

function settingsOf(path: string, more: object = {}, server: Sshd = sshd): SourceSettings {
  return {
    kind: 'ssh',
    name: 'sample',
    host: '127.0.0.1',
    port: server.port,
    user: server.user,
    path,
    sshKey: server.key,
    hostKey: [server.hostKey],
    exclude: [],
    canaries: [],
    // /tmp may lie where there are none.
    attributes: false,
    ...more,
  } as SourceSettings;
}

async function sample(): Promise<string> {
  const root = join(await temporary(), 'a root');
  await mkdir(join(root, 'b/deep'), { recursive: true });
  await writeFile(join(root, 'a'), 'first', { mode: 0o640 });
  await utimes(join(root, 'a'), 1_700_000_000, 1_700_000_000);
  await writeFile(join(root, 'b/deep/z'), '');
  await writeFile(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0x0a, 0x27])]), 'raw');
  await link(join(root, 'a'), join(root, 'a-too'));
  await symlink('/etc/passwd', join(root, 'link'));
  return root;
}

contract('ssh', async () => {
  const root = await sample();
  return {
    source: source(settingsOf(root)),
    vanish: () => rm(root, { recursive: true }),
    change: async () => {
      await writeFile(join(root, 'b/deep/z'), 'changed');
      return ['b/deep/z'];
    },
  };
}, ['change']);

describe('a directory over ssh', () => {
  const paths = (all: readonly Read[]) => all.map(({ path }) => path);

  it('comes with modes, times, links and names as bytes, and follows no link', async () => {
    const all = await pullAll(source(settingsOf(await sample())), await temporary());
    expect(paths(all)).toEqual(['a', 'a-too', 'b', 'b/deep', 'b/deep/z', 'link', '\xff\n\x27']);
    const byPath = new Map(all.map((read) => [read.path, read.entry]));
    expect(byPath.get('a')).toMatchObject({ mode: 0o640, mtimeNs: 1_700_000_000_000_000_000n, link: { names: 2 } });
    expect(byPath.get('a-too')).toMatchObject({ link: { number: 1 } });
    expect(byPath.get('link')).toMatchObject({ target: Buffer.from('/etc/passwd') });
  });

  it('copies only what has changed, and has no more what has gone', async () => {
    const root = await sample();
    const workdir = await temporary();
    await pullAll(source(settingsOf(root)), workdir);
    const before = await stat(join(workdir, 'tree/a'));
    await rm(join(root, 'b'), { recursive: true });
    await writeFile(join(root, 'new'), 'new');
    const all = await pullAll(source(settingsOf(root)), workdir);
    expect(paths(all)).toEqual(['a', 'a-too', 'link', 'new', '\xff\n\x27']);
    expect((await stat(join(workdir, 'tree/a'))).ino).toBe(before.ino);
  });

  it('leaves out what is excluded, and does not copy it', async () => {
    const root = await sample();
    await mkdir(join(root, 'x[1]'));
    await writeFile(join(root, 'x[1]/inside'), 'x');
    await writeFile(join(root, 'b/b.log'), 'x');
    await writeFile(join(root, 'c.log'), 'x');
    const workdir = await temporary();
    const all = await pullAll(source(settingsOf(root, { exclude: ['b/deep', '**/*.log', 'x[1]', 'a*'] })), workdir);
    expect(paths(all)).toEqual(['b', 'link', '\xff\n\x27']);
    expect((await readdir(join(workdir, 'tree'))).sort()).toHaveLength(3);
    expect(await readdir(join(workdir, 'tree/b'))).toEqual([]);
  });

  it('names what holds nothing, and what cannot be copied', async () => {
    const root = await sample();
    execFileSync('mkfifo', [join(root, 'fifo')]);
    const all = await pullAll(source(settingsOf(root)), await temporary());
    expect(all.find(({ path }) => path === 'fifo')?.entry).toMatchObject({ kind: 'skipped' });
  });

  it('keeps to the folder that rrsync binds the key to', async () => {
    const root = await sample();
    sshd.permit(`restrict,command="rrsync -ro '${root}'"`);
    const all = await pullAll(source(settingsOf('/')), await temporary());
    expect(paths(all)).toContain('b/deep/z');
    await expect(pullAll(source(settingsOf('/../..')), await temporary())).rejects.toMatchObject({
      code: 'source.failed',
    });
  });

  it('refuses a host with another key, and says what to do', async () => {
    const other = await temporary();
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(other, 'k')]);
    const hostKey = [(await readFile(join(other, 'k.pub'), 'utf8')).trim()];
    const workdir = await temporary();
    await expect(pullAll(source(settingsOf(await sample(), { hostKey })), workdir)).rejects.toMatchObject({
      code: 'source.failed',
      what: expect.stringMatching(/another host key than `hostKey` says.*ssh_host_ed25519_key.pub/),
    });
    expect(await readdir(join(workdir, 'tree'))).toEqual([]);
  });

  it('says whose key is not taken, that rsync is missing there, that nobody answers, that there is no such directory', async () => {
    const root = await sample();
    const failure = async (more: object, path = root) =>
      pullAll(source(settingsOf(path, more)), await temporary()).catch((error) => error.what as string);
    sshd.permit(undefined);
    expect(await failure({})).toMatch(/does not take the key of `sshKey`/);
    sshd.permit('');
    expect(await failure({}, `${root}/nowhere`)).toMatch(/nowhere on 127.0.0.1 cannot be read: No such file/);
    const bare = await temporary();
    const without = await startSshd(bare, ['SetEnv PATH=/nonexistent']);
    try {
      expect(await failure(settingsOf(root, {}, without))).toMatch(/rsync is not installed on 127.0.0.1/);
    } finally {
      await without.stop();
    }
    expect(await failure(settingsOf(root, {}, without))).toMatch(/Connection refused/);
  });

  it('goes on where a connection broke in the middle of a file', async () => {
    const root = await sample();
    const size = 8 << 20;
    const bytes = randomBytes(size);
    await writeFile(join(root, 'large'), bytes);
    const workdir = await temporary();
    const cut = await lineTo(sshd.port, size >> 1, 'cut');
    lines.push(cut);
    await expect(pullAll(source(settingsOf(root, { port: cut.port })), workdir)).rejects.toMatchObject({
      code: 'source.failed',
    });
    await cut.fired;
    expect((await stat(join(workdir, 'tree/.~portcullis-partial/large'))).size).toBeGreaterThan(size >> 3);
    const whole = await lineTo(sshd.port, Number.POSITIVE_INFINITY, 'cut');
    lines.push(whole);
    const all = await pullAll(source(settingsOf(root, { port: whole.port })), workdir);
    expect(all.find(({ path }) => path === 'large')?.bytes?.equals(bytes)).toBe(true);
    expect(paths(all).filter((path) => path.includes('partial'))).toEqual([]);
    // What had come did not come again.
    expect(whole.passed()).toBeLessThan(size * 0.9);
  });

  it('stops at once at a trip, with all its processes', async () => {
    const root = await sample();
    await writeFile(join(root, 'large'), randomBytes(4 << 20));
    const workdir = await temporary();
    const stall = await lineTo(sshd.port, 1 << 20, 'stall');
    lines.push(stall);
    const stop = new AbortController();
    const pulling = source(settingsOf(root, { port: stall.port })).pull({ workdir, signal: stop.signal });
    const ended = expect(pulling).rejects.toMatchObject({ code: 'source.stopped' });
    await stall.fired;
    expect(processesMarked(workdir).length).toBeGreaterThan(1);
    const secret = (await readFile(sshd.key, 'utf8')).split('\n')[2] ?? '';
    expect(secret.length).toBeGreaterThan(20);
    expect(processesMarked(secret)).toEqual([]);
    stop.abort();
    await ended;
    await eventually(() => processesMarked(workdir).length === 0);
  });

  it('is whole after its process was killed in the middle of a transfer', async () => {
    const root = await sample();
    const bytes = randomBytes(4 << 20);
    await writeFile(join(root, 'large'), bytes);
    const workdir = await temporary();
    const stall = await lineTo(sshd.port, 1 << 20, 'stall');
    lines.push(stall);
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', PULL, JSON.stringify(settingsOf(root, { port: stall.port })), workdir],
      {
        stdio: 'ignore',
      },
    );
    const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
    await stall.fired;
    child.kill('SIGKILL');
    expect(await ended).toBe('SIGKILL');
    await stall.close();
    lines.splice(0);
    await eventually(() => processesMarked(workdir).length === 0);
    const all = await pullAll(source(settingsOf(root)), workdir);
    expect(paths(all)).toEqual(['a', 'a-too', 'b', 'b/deep', 'b/deep/z', 'large', 'link', '\xff\n\x27']);
    expect(all.find(({ path }) => path === 'large')?.bytes?.equals(bytes)).toBe(true);
  });

  it('says which versions of rsync it does not take, and that it is not there', async () => {
    const bin = await temporary();
    const root = await sample();
    const { PATH } = process.env;
    try {
      process.env['PATH'] = bin;
      const failure = async () =>
        source(settingsOf(root))
          .pull({ workdir: bin, signal: never })
          .then(
            () => '',
            (error) => error.what as string,
          );
      expect(await failure()).toMatch(/apt-get install rsync/);
      await writeFile(join(bin, 'rsync'), '#!/bin/sh\necho "rsync  version 3.2.3  protocol version 31"\n');
      await chmod(join(bin, 'rsync'), 0o755);
      expect(await failure()).toMatch(/older than 3.2.5/);
    } finally {
      process.env['PATH'] = PATH;
    }
  });

  describe('of which rsync has said that something is missing', () => {
    /** A rsync that leaves files, says `lines`, and ends with `status`. */
    async function pull(status: number, lines: readonly string[]) {
      const bin = await temporary();
      const workdir = await temporary();
      await writeFile(join(bin, 'said'), lines.map((line) => `${line}\n`).join(''));
      const script = [
        '#!/bin/sh',
        'if [ "$1" = --version ]; then echo "rsync  version 3.4.1  protocol version 32"; exit; fi',
        'for tree; do :; done',
        'cd "$tree" && mkdir -p b && echo old > b/old && echo x > c || exit 99',
        `cat ${bin}/said >&2`,
        `exit ${status}`,
      ];
      await writeFile(join(bin, 'rsync'), script.map((line) => `${line}\n`).join(''), { mode: 0o755 });
      const { PATH } = process.env;
      process.env['PATH'] = `${bin}:${PATH}`;
      try {
        const all = await pullAll(source(settingsOf('/data')), workdir);
        return all.map(({ path, entry }) => {
          if (entry.kind === 'problem' || entry.kind === 'skipped') return `${path}: ${entry.kind} ${entry.reason}`;
          return entry.problem === undefined ? path : `${path}: ${entry.problem}`;
        });
      } finally {
        process.env['PATH'] = PATH;
      }
    }

    it('is partial, each thing a problem in its place', async () => {
      const found = await pull(23, [
        'rsync: [sender] send_files failed to open "/data/b/new": Permission denied (13)',
        'file has vanished: "/data/b/old"',
        // Where a key leads into a folder whose name is not known here.
        'rsync: [sender] opendir "/elsewhere/a" failed: Permission denied (13)',
        'skipping non-regular file "b/pipe"',
        'rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.c(1338)',
      ]);
      expect(found).toEqual([
        'a: problem cannot be copied (Permission denied); what is here of it is of an earlier run',
        'b',
        'b/new: problem cannot be copied (Permission denied); what is here of it is of an earlier run',
        'b/old: it vanished while it was copied; what is here of it is of an earlier run',
        'b/pipe: skipped a device node, socket or FIFO',
        'c',
      ]);
    });

    it('is partial though nobody understands what was said, or nothing was', async () => {
      expect(await pull(24, [])).toEqual(['(rsync): problem rsync ended with status 24', 'b', 'b/old', 'c']);
      expect((await pull(23, ['who knows']))[0]).toBe('(rsync): problem who knows');
    });

    it('is no snapshot when the folder cannot be read, the volume is full, or rsync ends in another way', async () => {
      const no = (status: number, ...lines: string[]) =>
        expect(pull(status, lines)).rejects.toMatchObject({ code: 'source.failed' });
      await no(23, 'rsync: [sender] opendir "/data/." failed: Permission denied (13)');
      await no(23, 'rsync: [sender] change_dir "/data" failed: No such file or directory (2)');
      await no(23, 'rsync: [receiver] mkstemp "/w/.x.ABC" failed: No space left on device (28)');
      for (const status of [1, 10, 11, 12, 20, 30, 255]) await no(status);
    });
  });
});
