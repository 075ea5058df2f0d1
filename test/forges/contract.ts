import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/base/clock.ts';
import { Secret } from '../../daemon/base/secret.ts';
import {
  COLLECTIONS,
  type Document,
  type Forge,
  ForgeError,
  type ReadContext,
  type Repository,
} from '../../daemon/forges/forge.ts';
import type { ForgeOptions } from '../../daemon/forges/options.ts';
import type { ApiMock } from './api-mock.ts';
import { ImpatientClock } from './impatient-clock.ts';

export interface ForgeUnderTest {
  readonly seed: () => Promise<ApiMock>;
  readonly token: string;
  readonly owner: string;
  readonly make: (options: ForgeOptions) => Forge;
  /** A repository that has something of everything. */
  readonly path: string;
  /** Collections this forge does not have, of either. */
  readonly without: readonly string[];
  /** Collections that hold values nobody may guess at. Default: variables alone. */
  readonly secret?: readonly string[];
  /** How it refuses a token that lacks a permission, and what is then named. */
  readonly denied: {
    readonly status: number;
    readonly headers?: Record<string, string>;
    readonly body: object;
    readonly needs: string;
  };
  /** Something that changes an issue, as if somebody had. */
  readonly touch: (mock: ApiMock) => void;
}

export function forgeContract(name: string, under: ForgeUnderTest): void {
  describe(`contract of ${name}`, () => {
    let mock: ApiMock;
    let cache: string;
    beforeEach(async () => {
      mock = await under.seed();
      cache = mkdtempSync(join(tmpdir(), 'pc-forge-'));
    });
    afterEach(async () => {
      await mock.stop();
      rmSync(cache, { recursive: true, force: true });
    });
    const make = (more: Partial<ForgeOptions> = {}) =>
      under.make({
        url: mock.url,
        owner: under.owner,
        token: Secret.fromText(under.token),
        cache,
        clock: systemClock,
        ...more,
      });
    const context = (signal = new AbortController().signal): ReadContext => ({ signal });

    async function found(forge: Forge, within = context()): Promise<Repository[]> {
      const all: Repository[] = [];
      for await (const page of forge.repositories(within)) all.push(...page);
      return all;
    }
    async function whole(forge: Forge): Promise<Repository> {
      const repository = (await found(forge)).find(({ path }) => path === under.path);
      if (repository === undefined) throw new Error(`${under.path} was not found`);
      return repository;
    }
    async function read(forge: Forge, collection: string, cursor?: string, within = context()) {
      const repository = await whole(forge);
      const one = forge.ofRepository.find((each) => each.name === collection);
      if (one === undefined) throw new Error(`there is no ${collection}`);
      const documents: Document[] = [];
      let last: string | undefined;
      for await (const page of one.read(repository, cursor, within)) {
        documents.push(...page.documents);
        last = page.cursor ?? last;
      }
      return { documents, cursor: last };
    }

    it('asks only for what is published', async () => {
      const forge = make();
      await forge.identify(context());
      for (const collection of forge.ofOwner) for await (const _ of collection.read(undefined, undefined, context()));
      for (const repository of await found(forge))
        for (const collection of forge.ofRepository)
          for await (const _ of collection.read(repository, undefined, context()));
      expect(mock.faults).toEqual([]);
      expect(mock.requests.length).toBeGreaterThan(20);
    });

    it('has every collection, or says which it has not', async () => {
      const forge = make();
      const names = new Set([...forge.ofOwner, ...forge.ofRepository].map((one) => one.name));
      expect([...COLLECTIONS].filter((one) => !names.has(one))).toEqual(under.without);
    });

    it('gives documents with keys that are theirs alone, in every collection of a whole repository', async () => {
      const forge = make();
      for (const { name: collection } of forge.ofRepository) {
        const { documents } = await read(forge, collection);
        const keys = documents.map(({ key }) => key);
        expect(new Set(keys).size, collection).toBe(keys.length);
        for (const key of keys) expect(key, collection).toMatch(/\S/);
      }
      for (const collection of ['issues', 'pulls', 'labels', 'variables', 'webhooks'])
        expect((await read(forge, collection)).documents, collection).not.toEqual([]);
    });

    it('marks what holds values as secret', () => {
      const secret = [...make().ofOwner, ...make().ofRepository].filter((one) => one.secret).map((one) => one.name);
      expect(new Set(secret)).toEqual(new Set(under.secret ?? ['variables']));
    });

    it('says whose token it is', async () => {
      expect((await make().identify(context())).login).toMatch(/\S/);
    });

    it('reads only what has changed since the cursor', async () => {
      const forge = make();
      const first = await read(forge, 'issues');
      expect(first.cursor).toBeDefined();
      under.touch(mock);
      const second = await read(forge, 'issues', first.cursor);
      expect(first.documents.length).toBeGreaterThan(1);
      // The newest of before may come again: it is as old as the cursor.
      expect(second.documents.length).toBeLessThanOrEqual(2);
      expect(second.documents.some(({ object }) => JSON.stringify(object).includes('Touched'))).toBe(true);
    });

    it('asks again only whether anything has changed, and keeps nothing of class secret for that', async () => {
      const forge = make();
      const first = await read(forge, 'labels');
      const before = mock.unchanged;
      expect(await read(forge, 'labels')).toEqual(first);
      expect(mock.unchanged).toBeGreaterThan(before);
      const { documents } = await read(forge, 'variables');
      const values = documents
        .map(({ object }) => object['value'] ?? object['data'])
        .filter((value) => typeof value === 'string');
      expect(values.length).toBeGreaterThan(0);
      const kept = readdirSync(cache).map((file) => readFileSync(join(cache, file), 'utf8'));
      expect(kept.length).toBeGreaterThan(0);
      for (const text of kept) for (const value of [...values, under.token]) expect(text.includes(value)).toBe(false);
    });

    it('names what a token lacks', async () => {
      const forge = make();
      mock.intercept((request, response) => {
        if (!request.url?.includes('/variables')) return false;
        response
          .writeHead(under.denied.status, { 'content-type': 'application/json', ...under.denied.headers })
          .end(JSON.stringify(under.denied.body));
        return true;
      });
      await expect(read(forge, 'variables')).rejects.toMatchObject({
        refusal: { kind: 'denied', needs: expect.stringContaining(under.denied.needs) },
      });
    });

    it('takes a token that is refused for what it is, and never tells it', async () => {
      const token = 'wrong-recognisable-token';
      const error = await make({ token: Secret.fromText(token) })
        .identify(context())
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ refusal: { kind: 'unauthenticated' } });
      expect(JSON.stringify([error, (error as Error).message, (error as Error).stack])).not.toContain(token);
    });

    it.each([
      ['a web page', '<!doctype html><title>Sign in</title>', 'text/html', 'instead of JSON'],
      ['JSON that is cut short', '[{"id": 1, "na', 'application/json', 'cut short'],
      ['an object where a list belongs', '{"a": 1}', 'application/json', 'without a list'],
      ['a list of what are no objects', '[1, 2]', 'application/json', 'no object'],
    ])('refuses %s', async (_, body, type, said) => {
      const forge = make();
      const repository = await whole(forge);
      mock.intercept((request, response) => {
        if (!request.url?.includes('/labels')) return false;
        response.writeHead(200, { 'content-type': type }).end(body);
        return true;
      });
      const labels = forge.ofRepository.find((one) => one.name === 'labels');
      const reading = async () => {
        for await (const _page of labels?.read(repository, undefined, context()) ?? []);
      };
      await expect(reading()).rejects.toMatchObject({
        refusal: { kind: 'failed' },
        message: expect.stringContaining(said),
      });
    });

    it('does not follow redirects without end, nor with its token to another host', async () => {
      for (const location of [undefined, 'https://elsewhere.example/x']) {
        const forge = make();
        const undo = mock.intercept((request, response) => {
          response.writeHead(302, { location: location ?? request.url ?? '' }).end();
          return true;
        });
        await expect(forge.identify(context())).rejects.toMatchObject({ refusal: { kind: 'failed' } });
        undo();
      }
      expect(mock.requests.length).toBeLessThan(20);
    });

    it('tells a list that does not end', async () => {
      const forge = make();
      const repository = await whole(forge);
      mock.intercept((request, response) => {
        if (!request.url?.includes('/labels')) return false;
        // Always the same next page.
        response
          .writeHead(200, {
            'content-type': 'application/json',
            link: `<${mock.url}${request.url.split('?')[0]}?page=2>; rel="next"`,
          })
          .end('[]');
        return true;
      });
      const labels = forge.ofRepository.find((one) => one.name === 'labels');
      const reading = async () => {
        for await (const _page of labels?.read(repository, undefined, context()) ?? []);
      };
      await expect(reading()).rejects.toMatchObject({ message: expect.stringContaining('does not end') });
    });

    it('waits as long as the forge asks for, and says so', async () => {
      const clock = new ImpatientClock();
      const forge = make({ clock });
      let refused = 0;
      mock.intercept((_, response) => {
        if (refused > 0) return false;
        refused += 1;
        response
          .writeHead(429, { 'retry-after': '1800', 'content-type': 'application/json' })
          .end('{"message":"slow down"}');
        return true;
      });
      const told: number[] = [];
      await forge.identify({ signal: new AbortController().signal, waiting: (ms) => told.push(ms) });
      expect(refused).toBe(1);
      expect(told).toEqual([1_800_000]);
      expect(clock.waited).toContain(1_800_000);
    });

    it('stops in the middle of a wait, and in the middle of an answer', async () => {
      const stop = new AbortController();
      const forge = make();
      mock.intercept((_, response) => {
        response.writeHead(429, { 'retry-after': '1800' }).end();
        return true;
      });
      await expect(
        forge.identify({ signal: stop.signal, waiting: () => stop.abort(new Error('a trip')) }),
      ).rejects.toThrow('a trip');
      const again = new AbortController();
      mock.intercept((_, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.write('[');
        again.abort(new Error('a trip'));
        return true;
      });
      await expect(forge.identify(context(again.signal))).rejects.toThrow('a trip');
    });

    it('tries again what may pass, a few times', async () => {
      const clock = new ImpatientClock();
      let failed = 0;
      mock.intercept((_, response) => {
        if (failed >= 2) return false;
        failed += 1;
        response.writeHead(502).end('bad gateway');
        return true;
      });
      expect((await make({ clock }).identify(context())).login).toMatch(/\S/);
      mock.intercept((_, response) => {
        response.writeHead(502).end('bad gateway');
        return true;
      });
      const error = await make({ clock })
        .identify(context())
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ForgeError);
      expect(failed).toBe(2);
    });
  });
}
