import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Appliance, kill, NO_WINDOW } from './appliance.ts';

const appliances: Appliance[] = [];

afterEach(async () => {
  await Promise.all(appliances.splice(0).map((appliance) => appliance.destroy()));
});

function made(): Appliance {
  const appliance = new Appliance();
  appliances.push(appliance);
  return appliance;
}

function git(cwd: string, ...args: string[]): string {
  const who = ['-c', 'user.name=T', '-c', 'user.email=t@example.com', '-c', 'init.defaultBranch=main'];
  return execFileSync('git', [...who, ...args], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

/** One hash over names and bytes of everything below `folder`. */
function fingerprint(folder: string): string {
  const hash = createHash('sha256');
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    hash.update(`${entry}\0`);
    if (statSync(join(folder, entry)).isFile()) hash.update(readFileSync(join(folder, entry)));
  }
  return hash.digest('hex');
}

const committed = (appliance: Appliance, seq: number) =>
  appliance.until(`snapshot ${seq} is committed`, 60, async () => {
    const status = await appliance.status();
    const newest = Math.max(0, ...(status?.sources.map(({ lastSnapshot }) => lastSnapshot?.seq ?? 0) ?? []));
    return newest >= seq && status?.gate?.view.link === 'isolated' ? status : undefined;
  });

describe('the whole cycle, over the real processes', () => {
  it('restores a branch as it was, although the origin was force-pushed since', async () => {
    const appliance = made();
    mkdirSync(appliance.at('origin'));
    const origin = appliance.at('origin');
    git(origin, 'init', '--quiet');
    for (const text of ['one', 'two', 'three']) {
      writeFileSync(join(origin, 'file.txt'), text);
      git(origin, 'add', '.');
      git(origin, 'commit', '--quiet', '-m', text);
    }
    git(origin, 'branch', 'feature/x', 'HEAD~1');
    const [main, feature] = [git(origin, 'rev-parse', 'main'), git(origin, 'rev-parse', 'feature/x')];
    await appliance.create({ sources: [{ name: 'app', kind: 'git', url: origin }] });
    await appliance.start();
    const first = await committed(appliance, 1);
    const at = new Date((first.sources[0]?.lastSnapshot?.wall ?? 0) + 1).toISOString();
    git(origin, 'reset', '--quiet', '--hard', 'HEAD~2');
    writeFileSync(join(origin, 'file.txt'), 'rewritten');
    git(origin, 'commit', '--quiet', '-am', 'rewritten');
    git(origin, 'branch', '--quiet', '-D', 'feature/x');
    git(origin, 'reflog', 'expire', '--expire=now', '--all');
    git(origin, 'gc', '--quiet', '--prune=now');
    // The next snapshot may have been sealed before that: one that began after it is meant.
    const rewritten = Date.now();
    await appliance.until('a snapshot of what was rewritten is committed', 60, async () => {
      const status = await appliance.status();
      return (status?.sources[0]?.lastSnapshot?.wall ?? 0) > rewritten && status?.gate?.view.link === 'isolated'
        ? true
        : undefined;
    });
    await appliance.stop();

    const disk = ['--store', appliance.at('board/disk'), '--key', appliance.at('recovery.key')];
    for (const [branch, commit, to] of [
      ['main', main, 'main.git'],
      ['feature/x', feature, 'x.bundle'],
    ] as const) {
      const restored = await appliance.cli(
        'restore',
        ...disk,
        '--at',
        at,
        '--source',
        'app',
        '--branch',
        branch,
        '--to',
        appliance.at(to),
      );
      expect(restored.code, restored.err).toBe(0);
      git(appliance.home, 'clone', '--quiet', '--branch', branch, appliance.at(to), appliance.at(`${to}.clone`));
      expect(git(appliance.at(`${to}.clone`), 'rev-parse', 'HEAD')).toBe(commit);
    }
    const newest = await appliance.cli(
      'restore',
      ...disk,
      '--source',
      'app',
      '--branch',
      'main',
      '--to',
      appliance.at('now.git'),
    );
    expect(newest.code, newest.err).toBe(0);
    expect(git(appliance.home, '--git-dir', appliance.at('now.git'), 'rev-parse', 'main')).toBe(
      git(origin, 'rev-parse', 'main'),
    );
    const gone = await appliance.cli(
      'restore',
      ...disk,
      '--source',
      'app',
      '--branch',
      'feature/x',
      '--to',
      appliance.at('gone.git'),
    );
    expect(gone.code).toBe(1);
    expect(gone.err).toContain('feature/x');
  }, 120_000);

  it('a trip in mid-ship: not one byte changes behind the dead link, even with the keeper stopped', async () => {
    const appliance = made();
    const documents = appliance.folder('documents', 16, 8 << 20);
    await appliance.create({ sources: [{ name: 'documents', kind: 'directory', path: documents }] });
    await appliance.start();
    await appliance.until('ship is shipping', 60, async () => {
      const source = (await appliance.status())?.sources[0];
      return source?.state === 'shipping' && (source.progress?.bytes ?? 0) > 1 << 20 ? true : undefined;
    });
    // The keeper would kill ship at once; stopped, it cannot, and the gate must do without it.
    const keeper = appliance.processes('keeper');
    for (const pid of keeper) kill(pid, 'SIGSTOP');
    const tripped = await appliance.alert('destroy');
    expect(tripped.status).toBe(202);
    expect(tripped.body['tripped']).toBe(true);
    await appliance.until('the contact is broken', 5, () =>
      readFileSync(appliance.at('board/feedback'), 'utf8').trim() === '0' ? true : undefined,
    );
    expect(appliance.relay()).toBe('0');
    expect(appliance.vaultIsThere()).toBe(false);
    const before = fingerprint(appliance.at('board/disk'));
    for (const pid of keeper) kill(pid, 'SIGCONT');
    await appliance.until('the keeper has noticed', 20, async () =>
      (await appliance.status())?.gate?.view.latch.kind === 'lockout' ? true : undefined,
    );
    await appliance.until('no ship is left', 20, () => (appliance.processes('ship').length === 0 ? true : undefined));
    expect(fingerprint(appliance.at('board/disk'))).toBe(before);

    // Lockout: refused, across a restart, until the button is held for 5 s.
    expect((await appliance.cli('connect', '--for', '10s', '--reason', 'test')).code).toBe(3);
    await appliance.stop();
    await appliance.start();
    expect((await appliance.status())?.gate?.view.latch.kind).toBe('lockout');
    await appliance.press(1000);
    expect((await appliance.status())?.gate?.view.latch.kind).toBe('lockout');
    await appliance.press(5200);
    await appliance.until('the reset is durable', 5, async () =>
      (await appliance.status())?.gate?.view.latch.kind === 'clear' ? true : undefined,
    );
    // And the next window ships what was cut; a reset by itself connects nothing.
    await committed(appliance, 1);
    const types = (await appliance.ledger()).map(({ type }) => type);
    const reset = types.lastIndexOf('gate.reset');
    const link = types
      .slice(0, reset)
      .findLast((type) => /^gate\.(connecting|connected|isolating|isolated)$/.test(type));
    expect(link).toBe('gate.isolated');
    expect(types.indexOf('gate.connecting', reset)).toBeGreaterThan(reset);
    const verified = await appliance.cli(
      'verify',
      '--store',
      appliance.at('board/disk'),
      '--key',
      appliance.at('recovery.key'),
      '--read-data',
    );
    expect(verified.code, verified.out).toBe(0);
  }, 180_000);

  it('the button, `portcullis trip` and the page trip while connected', async () => {
    const appliance = made();
    const documents = appliance.folder('documents', 1, 1000);
    await appliance.create({
      windows: [NO_WINDOW],
      sources: [{ name: 'documents', kind: 'directory', path: documents }],
    });
    await appliance.start();
    for (const trip of [
      () => appliance.press(100),
      async () => expect((await appliance.cli('trip', '--reason', 'test')).code).toBe(0),
      async () => {
        const response = await fetch(`http://127.0.0.1:${appliance.pagePort}/api/v1/trip`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-portcullis': '1' },
          body: '{}',
        });
        expect(response.status).toBe(202);
      },
    ]) {
      await appliance.connect(60);
      expect(appliance.relay()).toBe('1');
      await trip();
      await appliance.until('the relay is off', 5, () => (appliance.relay() === '0' ? true : undefined));
      await appliance.until('it is locked', 5, async () =>
        (await appliance.status())?.gate?.view.latch.kind === 'lockout' ? true : undefined,
      );
      await appliance.press(5200);
      await appliance.until('it is reset', 5, async () =>
        (await appliance.status())?.gate?.view.latch.kind === 'clear' ? true : undefined,
      );
      await appliance.until('it is isolated', 5, async () =>
        (await appliance.status())?.gate?.view.link === 'isolated' ? true : undefined,
      );
    }
  }, 120_000);

  it('a welded relay is a fault, and nothing connects until reset', async () => {
    const appliance = made();
    await appliance.create({
      windows: [NO_WINDOW],
      sources: [{ name: 'd', kind: 'directory', path: appliance.folder('d', 1, 10) }],
    });
    await appliance.start();
    await appliance.connect(60);
    writeFileSync(appliance.at('board/relay.welded'), '1');
    expect((await appliance.cli('trip')).code).toBe(0);
    const from = performance.now();
    const view = await appliance.until('the weld is noticed', 10, async () => {
      const found = (await appliance.status())?.gate?.view;
      return found?.latch.kind === 'fault' ? found : undefined;
    });
    console.log(`welded contact: fault after ${(performance.now() - from).toFixed(0)} ms`);
    expect(view.link).not.toBe('isolated');
    expect(view.led).toBe('triple-red');
    expect((await appliance.cli('connect', '--for', '5s', '--reason', 'x')).code).toBe(3);
  }, 60_000);

  it('nonsense on every socket cuts the client off and changes nothing', async () => {
    const appliance = made();
    await appliance.create({
      windows: [NO_WINDOW],
      sources: [{ name: 'd', kind: 'directory', path: appliance.folder('d', 1, 10) }],
    });
    await appliance.start();
    const before = (await appliance.status())?.gate?.view;
    for (const name of ['trip', 'admin', 'control', 'records']) {
      for (const nonsense of [
        'hello\n',
        '{"type":"nothing"}\n',
        '[]\n',
        '{"type":"trip"}\n',
        `${'x'.repeat(2_000_000)}`,
        '\0\0\0\n',
      ]) {
        await new Promise<void>((resolve) => {
          const socket = createConnection(appliance.at('run', name));
          socket.on('error', () => {});
          socket.on('close', () => resolve());
          socket.resume();
          socket.write(nonsense);
        });
      }
    }
    const after = (await appliance.status())?.gate?.view;
    expect(after?.latch).toEqual(before?.latch);
    expect(after?.boot).toBe(before?.boot);
    expect(after?.link).toBe('isolated');
  }, 60_000);
});
