import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PortcullisError } from '../../daemon/base/errors.ts';
import type { Source } from '../../daemon/sources/source.ts';
import { pullAll, type Read, temporary } from './helpers.ts';

/** An origin a contract test can work on. */
export interface Origin {
  readonly source: Source;
  /** Takes the origin away. */
  vanish(): Promise<void>;
  /** Paths of problems the origin is known to have. */
  readonly problems?: readonly string[];
}

/** What every kind of source promises. `make` builds a fresh origin, unchanged until somebody changes it. */
export function contract(kind: string, make: () => Promise<Origin>): void {
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
      const all = await pullAll(source, await temporary());
      const found = all.flatMap(({ path, entry }) =>
        entry.kind === 'problem' ? [{ path, reason: entry.reason }] : [],
      );
      expect(found.map(({ path }) => path)).toEqual(problems);
      for (const { reason } of found) expect(reason).toMatch(/\S/);
    });
  });
}

/** An entry without what may honestly differ: where the bytes lie. */
function plain({ path, entry, bytes }: Read) {
  const { content: _, ...rest } = { content: undefined, ...entry };
  return { ...rest, path, bytes: bytes?.toString('base64') };
}
