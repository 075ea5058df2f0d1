import { readdirSync, readFileSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PortcullisError } from '../../daemon/base/errors.ts';
import type { PullProgress, Source } from '../../daemon/sources/source.ts';
import { never, pullAll, type Read, readAll, temporary } from './helpers.ts';

/** An origin a contract test can work on. What is optional is there where `contract` is told so. */
export interface Origin {
  readonly source: Source;
  /** Takes the origin away. */
  vanish(): Promise<void>;
  /** Paths of problems the origin is known to have. */
  readonly problems?: readonly string[];
  /** `change`: alters or adds files; resolves with their paths. */
  change?(): Promise<readonly string[]>;
  /** `part`: makes a part of it unreadable; resolves with the path of the problem that comes of it. */
  spoil?(): Promise<string>;
  /** `secret`: what it is opened with, and nobody else is to see. */
  readonly secret?: string;
  /** `secret`: what has been logged. */
  readonly logged?: () => readonly string[];
}

type Offer = 'change' | 'part' | 'secret';

/**
 * What every kind of source promises. `make` builds a fresh origin, unchanged until somebody changes it. `offers`: what more
 * there is to it: it can change, a part of it can fail, it takes a secret to read it.
 */
export function contract(kind: string, make: () => Promise<Origin>, offers: readonly Offer[] = []): void {
  describe(`contract of ${kind}`, () => {
    it('names parents before children, each path once, no path outside the root', async () => {
      const { source } = await make();
      const all = await pullAll(source, await temporary());
      expect(all.length).toBeGreaterThan(0);
      const seen = new Set<string>();
      const folders = new Set<string>();
      for (const { path, entry } of all) {
        expect(path).not.toBe('');
        expect(path.startsWith('/')).toBe(false);
        const names = path.split('/');
        for (const name of names) expect(['', '.', '..']).not.toContain(name);
        expect(seen.has(path), path).toBe(false);
        seen.add(path);
        if (names.length > 1) expect(folders, path).toContain(names.slice(0, -1).join('/'));
        if (entry.kind === 'directory') folders.add(path);
        if (entry.kind === 'problem' || entry.kind === 'skipped') continue;
        expect(entry.mode).toBe(entry.mode & 0o7777);
        expect(entry.uid).toBeGreaterThanOrEqual(0);
      }
    });

    it('gives the same entries and bytes twice while the origin does not change', async () => {
      const { source } = await make();
      const workdir = await temporary();
      const first = await pullAll(source, workdir);
      const second = await pullAll(source, workdir);
      expect(second.map(plain)).toEqual(first.map(plain));
    });

    it('pulls only once asked, and rejects a pull that was stopped before it began', async () => {
      const { source } = await make();
      await expect(pullAll(source, await temporary(), AbortSignal.abort())).rejects.toMatchObject({
        code: 'source.stopped',
      });
    });

    it('stops at a trip, whatever it is about to do or has just told, and starts over as if nothing had been', async () => {
      const { source } = await make();
      const told: PullProgress[] = [];
      const whole = await readAll(
        await source.pull({ workdir: await temporary(), signal: never, progress: (one) => told.push(one) }),
      );
      const startsOver = async (workdir: string) =>
        expect((await pullAll(source, workdir)).map(named)).toEqual(whole.map(named));
      for (const at of spread(told.length)) {
        const workdir = await temporary();
        const stop = new AbortController();
        let count = 0;
        const progress = () => void (++count === at && stop.abort());
        const pulling = source.pull({ workdir, signal: stop.signal, progress }).then(readAll);
        await expect(pulling, `told ${at}`).rejects.toMatchObject({ code: 'source.stopped' });
        expect(count, `told ${at}`).toBeGreaterThanOrEqual(at);
        await startsOver(workdir);
      }
      for (const at of spread(Math.max(1, whole.length - 1))) {
        const workdir = await temporary();
        const stop = new AbortController();
        const { entries } = await source.pull({ workdir, signal: stop.signal });
        let count = 0;
        const read = async () => {
          for await (const entry of entries) {
            if (++count === at) stop.abort();
            if (entry.kind === 'file' && entry.content.from === 'stream') for await (const _ of entry.content.open());
          }
        };
        await expect(read(), `entry ${at}`).rejects.toMatchObject({ code: 'source.stopped' });
        expect(count, `entry ${at}`).toBe(at);
        await startsOver(workdir);
      }
    }, 120_000);

    it('tells in words what it is doing, and never that it has done more than there is', async () => {
      const { source } = await make();
      const told: PullProgress[] = [];
      const workdir = await temporary();
      await readAll(await source.pull({ workdir, signal: never, progress: (one) => told.push(one) }));
      for (const { what, done, total } of told) {
        expect(what).toMatch(/\S/);
        expect(done).toBeGreaterThanOrEqual(0);
        if (total !== undefined) expect(done).toBeLessThanOrEqual(total);
      }
    });

    it('rejects when the origin has vanished, and leaves no snapshot to make', async () => {
      const { source, vanish } = await make();
      const workdir = await temporary();
      await pullAll(source, workdir);
      await vanish();
      const failure = await pullAll(source, workdir).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(PortcullisError);
      expect(failure).toMatchObject({ code: 'source.failed', what: expect.stringContaining('Source sample') });
    });

    it('keeps to its folder: foreign files there are not entries', async () => {
      const { source } = await make();
      const workdir = await temporary();
      await writeFile(join(workdir, 'foreign'), 'x');
      const all = await pullAll(source, workdir);
      expect(all.map(({ path }) => path).filter((path) => path.includes('foreign'))).toEqual([]);
    });

    it('names every problem with its path and a reason', async () => {
      const { source, problems = [] } = await make();
      const found = problemsIn(await pullAll(source, await temporary()));
      expect(found.map(({ path }) => path)).toEqual(problems);
      for (const { reason } of found) expect(reason).toMatch(/\S/);
    });

    if (offers.includes('change'))
      it('shows what has changed, and the rest as it was, to the times', async () => {
        const { source, change } = await make();
        const workdir = await temporary();
        const before = new Map((await pullAll(source, workdir)).map((read) => [read.path, read]));
        const changed = await offered(change)();
        const after = await pullAll(source, workdir);
        expect(changed.length).toBeGreaterThan(0);
        for (const path of changed) {
          const now = after.find((read) => read.path === path);
          expect(now, path).toBeDefined();
          expect(now && plain(now), path).not.toEqual(before.has(path) ? plain(before.get(path) as Read) : undefined);
        }
        const apart = ({ path, entry }: Read) =>
          entry.kind !== 'directory' && !changed.includes(path) && before.has(path);
        for (const read of after.filter(apart))
          expect(plain(read), read.path).toEqual(plain(before.get(read.path) as Read));
        expect([...before.keys()].filter((path) => !after.some((read) => read.path === path))).toEqual([]);
      });

    if (offers.includes('part'))
      it('takes a part that cannot be had for a problem of that part, and gives the rest', async () => {
        const { source, spoil, problems = [] } = await make();
        const workdir = await temporary();
        const before = await pullAll(source, workdir);
        const path = await offered(spoil)();
        const after = await pullAll(source, workdir);
        expect(problemsIn(after).map((one) => one.path)).toEqual([...problems, path].sort());
        const untouched = ({ path: at }: Read) => at !== path && !at.startsWith(`${path}/`);
        expect(after.filter(untouched).map(named)).toEqual(before.filter(untouched).map(named));
      });

    if (offers.includes('secret'))
      it('shows its secret to its origin alone: not on disk, in entries, facts, logs, progress, or the process list', async () => {
        const { source, secret, logged } = await make();
        const workdir = await temporary();
        const text = offered(secret);
        const seen: string[] = [];
        // A machine that runs much else has the same ones over and over.
        const lines = new Set<string>();
        const watch = () => {
          for (const line of commandLines()) lines.add(line);
        };
        const progress = (one: PullProgress) => {
          watch();
          seen.push(one.what);
        };
        const looking = setInterval(watch, 10);
        const pulled = await source.pull({ workdir, signal: never, progress });
        const all = await readAll(pulled).finally(() => clearInterval(looking));
        watch();
        seen.push(...lines);
        seen.push(JSON.stringify(pulled.facts), ...offered(logged)());
        for (const { path, bytes } of all) seen.push(path, bytes?.toString('latin1') ?? '');
        const files = await readdir(workdir, { recursive: true, withFileTypes: true });
        expect(files.length).toBeGreaterThan(0);
        for (const file of files.filter((one) => one.isFile()))
          seen.push(await readFile(join(file.parentPath, file.name), 'latin1'));
        for (const form of [text, encodeURIComponent(text), Buffer.from(text).toString('base64')])
          expect(seen.find((one) => one.includes(form))).toBeUndefined();
      }, 120_000);
  });
}

/** The first, the last and one between, of so many from 1. */
function spread(count: number): number[] {
  return [...new Set([1, Math.ceil(count / 2), count])].filter((at) => at >= 1 && at <= count);
}

function offered<T>(what: T | undefined): T {
  if (what === undefined) throw new Error('the origin does not have what the contract was told it offers');
  return what;
}

function problemsIn(all: readonly Read[]) {
  return all
    .flatMap(({ path, entry }) => {
      if (entry.kind === 'problem') return [{ path, reason: entry.reason }];
      return 'problem' in entry && entry.problem !== undefined ? [{ path, reason: entry.problem }] : [];
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** What everybody on this machine can read of every process. */
function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return [readFileSync(`/proc/${name}/cmdline`, 'latin1')];
      } catch {
        return [];
      }
    });
}

/** An entry without what may honestly differ: where the bytes lie. */
function plain({ path, entry, bytes }: Read) {
  const { content: _, ...rest } = { content: undefined, ...entry };
  return { ...rest, path, bytes: bytes?.toString('base64') };
}

/** What stays the same in another working copy: when its files were written, and how often git fetched, is its own. */
function named({ path, entry, bytes }: Read) {
  const packed = /(^|\/)[^/]*\.git\/objects\/pack\//.test(path);
  return packed ? 'a pack' : { path, kind: entry.kind, bytes: bytes?.toString('base64') };
}
