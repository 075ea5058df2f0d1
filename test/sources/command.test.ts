import { chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../daemon/base/clock.ts';
import type { Entry } from '../../daemon/base/entry.ts';
import { openSource } from '../../daemon/sources/open.ts';
import type { Source } from '../../daemon/sources/source.ts';
import { contract } from './contract.ts';
import { eventually, never, processesMarked, pullAll, temporary } from './helpers.ts';

/** Real timers, except that the wall clock stands still and the first timeout of `timeoutMs` fires when told to. */
function testClock() {
  const timeouts: { ms: number; run: () => void }[] = [];
  const clock: Clock = {
    ...systemClock,
    wall: () => 1_800_000_000_000,
    after(ms, run) {
      if (ms !== 3_600_000) return systemClock.after(ms, run);
      timeouts.push({ ms, run });
      return () => {};
    },
  };
  return { clock, expire: () => timeouts.shift()!.run(), waiting: () => timeouts.length };
}

function command(argv: readonly string[], mark = 'none', clock: Clock = testClock().clock): Source {
  return openSource(
    { kind: 'command', name: 'sample', command: argv, file: 'dump.sql', timeout: '1h' },
    { environment: { ...process.env, MARK: mark }, clock, log: { debug() {}, info() {}, warn() {}, error() {} } },
  );
}

const shell = (script: string, mark?: string, clock?: Clock) => command(['sh', '-c', script], mark, clock);

async function open(source: Source, signal = never): Promise<AsyncIterator<Buffer>> {
  const { entries } = await source.pull({ workdir: '/nonexistent', signal });
  const all: Entry[] = [];
  for await (const entry of entries) all.push(entry);
  const [entry] = all;
  if (all.length !== 1 || entry?.kind !== 'file' || entry.content.from !== 'stream') throw new Error('not one stream');
  return entry.content.open()[Symbol.asyncIterator]();
}

contract('command', async () => {
  const program = join(await temporary(), 'dump');
  const says = (text: string) => writeFile(program, `#!/bin/sh\nprintf "${text}\\n"\n`);
  await says('CREATE TABLE t;');
  await chmod(program, 0o755);
  return {
    source: command([program]),
    vanish: () => rm(program),
    async change() {
      await says('CREATE TABLE u;');
      return ['dump.sql'];
    },
  };
}, ['change']);

describe('command', () => {
  it('streams every byte of a large output', async () => {
    const [file] = await pullAll(shell('head -c 20000000 /dev/zero'), '/nonexistent');
    expect(file?.path).toBe('dump.sql');
    expect(file?.bytes?.length).toBe(20_000_000);
  });

  it('does not run the program before its output is read', async () => {
    const mark = await temporary();
    const file = join(mark, 'ran');
    const iterator = await open(command(['sh', '-c', `echo x > ${file}; echo y`]));
    await expect(rm(file)).rejects.toMatchObject({ code: 'ENOENT' });
    await iterator.next();
    await expect(rm(file)).resolves.toBeUndefined();
    await iterator.return?.();
  });

  it.each([
    ['prints and exits 3', 'echo row; echo "no such table" >&2; exit 3', /exited with status 3: no such table/],
    ['is killed in mid-stream', 'echo row; kill -9 $$', /killed by SIGKILL/],
    ['dies of a broken pipe', 'echo row; kill -PIPE $$', /killed by SIGPIPE/],
    ['prints nothing', 'exit 0', /printed nothing/],
    [
      'names a password in its error',
      'echo "cannot reach postgres://u:secret@db/x" >&2; exit 1',
      /postgres:\/\/\*\*\*@db/,
    ],
  ])('never ends well when the program %s', async (_, script, what) => {
    await expect(pullAll(shell(script), '/nonexistent')).rejects.toMatchObject({
      code: 'source.failed',
      what: expect.stringMatching(what),
    });
  });

  it.each([
    ['a missing program', ['/nonexistent/dump'], /could not be started \(ENOENT\)/],
    ['a program that may not run', ['/etc'], /could not be started \(EACCES\)/],
    ['an impossible argument', ['true', 'secret-argument\0'], /could not be started/],
  ])('rejects %s and does not repeat the arguments', async (_, argv, what) => {
    const failure = await pullAll(command([...argv, 'secret-argument']), '/nonexistent').catch((error) => error);
    expect(failure).toMatchObject({ code: 'source.failed', what: expect.stringMatching(what) });
    expect(failure.message).not.toContain('secret-argument');
  });

  it('keeps the end of what was said, short enough for a job message', async () => {
    const failure = await pullAll(
      shell('i=0; while [ $i -lt 5000 ]; do echo "line $i" >&2; i=$((i+1)); done; exit 1'),
      '/nonexistent',
    ).catch((error) => error);
    expect(failure.what).toContain('line 4999');
    expect(failure.what.length).toBeLessThan(4000);
  });

  it('holds a program back that prints faster than it is read', async () => {
    const mark = await temporary();
    const iterator = await open(shell('yes', mark));
    await iterator.next();
    const [pid] = await eventually(() => {
      const found = processesMarked(mark);
      return found.length > 0 && found;
    });
    // Blocked in a write: the kernel counts no more bytes written.
    const { readFileSync } = await import('node:fs');
    const written = () => Number(/^wchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'latin1'))?.[1]);
    let last = -1;
    let still = 0;
    await eventually(() => {
      const now = written();
      still = now === last ? still + 1 : 0;
      last = now;
      return still > 20;
    });
    expect(last).toBeLessThan(4 << 20);
    await iterator.return?.();
    expect(processesMarked(mark)).toEqual([]);
  });

  it.each([
    ['the program itself', 'echo row; exec sleep 1000'],
    ['what the program started', 'sleep 1000 & echo row; wait'],
    ['a grandchild that keeps the output open after its parent ended well', 'sleep 1000 & echo row; exit 0'],
    ['a program that ignores every polite signal', 'trap "" TERM INT HUP PIPE; echo row; while :; do sleep 1; done'],
  ])('kills %s when stopped', async (_, script) => {
    const mark = await temporary();
    const stop = new AbortController();
    const iterator = await open(shell(script, mark), stop.signal);
    expect(String((await iterator.next()).value)).toBe('row\n');
    expect(processesMarked(mark).length).toBeGreaterThan(0);
    const next = iterator.next();
    stop.abort();
    await expect(next).rejects.toMatchObject({ code: 'source.stopped' });
    expect(processesMarked(mark)).toEqual([]);
  });

  it.each([
    ['a program that hangs', 'echo row; exec sleep 1000'],
    ['a grandchild that keeps the output open after its parent ended well', 'sleep 1000 & echo row; exit 0'],
  ])('kills %s at the timeout', async (_, script) => {
    const mark = await temporary();
    const { clock, expire } = testClock();
    const iterator = await open(shell(script, mark, clock));
    await iterator.next();
    const next = iterator.next();
    expire();
    await expect(next).rejects.toMatchObject({
      code: 'source.failed',
      what: expect.stringMatching(/had not finished after 3600 s and was killed/),
    });
    expect(processesMarked(mark)).toEqual([]);
  });

  it('is stopped while nobody is reading, and says so at the next read', async () => {
    const mark = await temporary();
    const stop = new AbortController();
    const iterator = await open(shell('echo row; exec sleep 1000', mark), stop.signal);
    await iterator.next();
    stop.abort();
    await eventually(() => processesMarked(mark).length === 0);
    await expect(iterator.next()).rejects.toMatchObject({ code: 'source.stopped' });
  });

  it('does not wait for an escaped grandchild that holds the output in a session of its own', async () => {
    const mark = await temporary();
    const stop = new AbortController();
    // The escaped one prints the row itself, so that it has escaped by the time the row is here.
    const iterator = await open(shell("setsid sh -c 'echo row; exec sleep 1000' & exit 0", mark), stop.signal);
    await iterator.next();
    const next = iterator.next();
    stop.abort();
    await expect(next).rejects.toMatchObject({ code: 'source.stopped' });
    const escaped = processesMarked(mark);
    expect(escaped).toHaveLength(1);
    for (const pid of escaped) process.kill(pid, 'SIGKILL');
  });

  it('waits for the output of a grandchild that outlives its parent', async () => {
    const [file] = await pullAll(shell('(sleep 0.2; echo late) & echo early'), '/nonexistent');
    expect(String(file?.bytes)).toBe('early\nlate\n');
  });

  it('fails at once when the program fails while a grandchild keeps the output open', async () => {
    const mark = await temporary();
    await expect(pullAll(shell('sleep 1000 & echo row; exit 3', mark), '/nonexistent')).rejects.toMatchObject({
      what: expect.stringMatching(/status 3/),
    });
    expect(processesMarked(mark)).toEqual([]);
  });

  it('leaves nothing behind after success', async () => {
    const mark = await temporary();
    await pullAll(shell('sleep 1000 >/dev/null 2>&1 & echo row', mark), '/nonexistent');
    await eventually(() => processesMarked(mark).length === 0);
  });

  it('gives the program no standard input', async () => {
    const [file] = await pullAll(shell('cat; echo end'), '/nonexistent');
    expect(String(file?.bytes)).toBe('end\n');
  });
});
