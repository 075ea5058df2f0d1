import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../daemon/base/secret.ts';
import type { ForgeError, ReadContext } from '../../daemon/forges/forge.ts';
import type { ForgeOptions } from '../../daemon/forges/options.ts';
import type { Release, RepositoryView } from '../../daemon/forges/view.ts';
import { type ForgeWriter, markOf, type NewAsset, type NewIssue, variableKey } from '../../daemon/forges/writer.ts';
import type { ApiMock } from './api-mock.ts';
import { ImpatientClock } from './impatient-clock.ts';

type WriterOptions = Pick<ForgeOptions, 'url' | 'token' | 'clock'>;

export interface WriterUnderTest {
  /** A forge in which `owner` is there, and no repository `again` of it; its tags are `v1` and `v2`. */
  readonly seed: () => Promise<ApiMock>;
  readonly token: string;
  readonly owner: string;
  readonly make: (options: WriterOptions) => ForgeWriter;
  /** It has no environments: variables of one are refused. */
  readonly withoutEnvironments?: boolean;
  /** How it refuses a token that may not write, and what is then named. */
  readonly denied: {
    readonly status: number;
    readonly headers?: Record<string, string>;
    readonly body: object;
    readonly needs: string;
  };
}

const VALUE = 'value-recognisable-0123456789';
const FILE = Buffer.from('bytes of a file that a release has'.repeat(5000));

const VIEW: RepositoryView = {
  path: 'elsewhere/app',
  description: 'What it is\nfor',
  visibility: 'private',
  archived: false,
  defaultBranch: 'main',
  topics: ['backup', 'Air-Gap'],
  homepage: 'https://app.example',
  hasIssues: true,
  hasWiki: false,
};

const RELEASE: Release = {
  tag: 'v1',
  name: 'One',
  body: 'The first',
  draft: false,
  prerelease: true,
  createdAt: '2026-05-01T00:00:00Z',
  assets: ['app.bin'],
};

function issueOf(number: number, more: Partial<NewIssue> = {}): NewIssue {
  return {
    number,
    title: `Issue ${number}`,
    body: `${markOf(VIEW.path, `issues/${number}`)}\n\nBody of ${number}`,
    state: 'open',
    author: 'somebody',
    createdAt: '2026-05-01T00:00:00Z',
    labels: ['bug'],
    assignees: [],
    ...more,
  };
}

function fileOf(name: string, bytes = FILE): NewAsset {
  return {
    name,
    size: bytes.length,
    async *open() {
      yield bytes.subarray(0, 1000);
      yield bytes.subarray(1000);
    },
  };
}

/** Runs over every client that makes things again. */
export function writerContract(name: string, under: WriterUnderTest): void {
  describe(`contract of ${name}, writing`, () => {
    const path = `${under.owner}/again`;
    let mock: ApiMock;
    beforeEach(async () => {
      mock = await under.seed();
    });
    afterEach(() => mock.stop());
    const make = (more: Partial<WriterOptions> = {}) =>
      under.make({ url: mock.url, token: Secret.fromText(under.token), clock: new ImpatientClock(), ...more });
    const context = (signal = new AbortController().signal): ReadContext => ({ signal });
    const writes = () => mock.requests.filter((one) => !one.startsWith('GET '));

    /** As whoever calls does it: looks first, and makes what is missing. */
    async function recreate(writer = make()): Promise<void> {
      if ((await writer.find(path, context())) === undefined) await writer.create(path, VIEW, context());
      const there = await writer.existing(path, context());
      if (!there.labels.has('bug'))
        await writer.createLabel(path, { name: 'bug', color: 'ff0000', description: 'Wrong' }, context());
      if (!there.milestones.has('Spring'))
        await writer.createMilestone(
          path,
          { title: 'Spring', description: 'Soon', state: 'open', dueAt: '2026-06-01' },
          context(),
        );
      for (const issue of [issueOf(12, { milestone: 'Spring' }), issueOf(15, { state: 'closed' })]) {
        const before = there.issues.get(issue.number);
        const handle = before?.handle ?? (await writer.createIssue(path, issue, context()));
        if (before?.open === true && issue.state === 'closed') await writer.closeIssue(path, handle, context());
        const mark = markOf(VIEW.path, `issues/${issue.number}/comments/7`);
        if (before?.comments.has(mark) !== true)
          await writer.createComment(path, handle, `${mark}\n\nA word`, context());
      }
      if (!there.releases.has('v1')) await writer.createRelease(path, RELEASE, [fileOf('app.bin')], context());
      for (const variable of [
        { name: 'REGION', value: 'eu' },
        ...(under.withoutEnvironments === true
          ? [{ name: 'ZONE', value: 'us' }]
          : [{ name: 'REGION', value: 'us', environment: 'production' }]),
      ])
        if (!there.variables.has(variableKey(variable))) await writer.createVariable(path, variable, context());
    }

    it('says what it cannot set', () => {
      const { limits } = make();
      expect(limits.length).toBeGreaterThan(0);
      for (const limit of limits) expect(limit).toMatch(/^\S.*[^.]$/);
    });

    it('says whose token it is', async () => {
      expect((await make().identify(context())).login).toMatch(/\S/);
    });

    it('finds no repository where there is none, and what it has made', async () => {
      const writer = make();
      expect(await writer.find(path, context())).toBeUndefined();
      const made = await writer.create(path, VIEW, context());
      expect(made.cloneUrl).toContain('again');
      expect(await writer.find(path, context())).toEqual(made);
      expect(mock.faults).toEqual([]);
    });

    it('makes everything, and asks only for what is published', async () => {
      await recreate();
      expect(mock.faults).toEqual([]);
      const there = await make().existing(path, context());
      expect(there.labels.has('bug')).toBe(true);
      expect(there.milestones.has('Spring')).toBe(true);
      expect(there.releases.has('v1')).toBe(true);
      expect([...there.variables].sort()).toEqual([
        'REGION',
        under.withoutEnvironments === true ? 'ZONE' : 'production/REGION',
      ]);
      expect([...there.issues.keys()].sort()).toEqual([12, 15]);
      expect(there.issues.get(12)?.open).toBe(true);
      expect(there.issues.get(15)?.open).toBe(false);
      for (const number of [12, 15])
        expect([...(there.issues.get(number)?.comments ?? [])]).toEqual([
          markOf(VIEW.path, `issues/${number}/comments/7`),
        ]);
    });

    it('makes nothing twice', async () => {
      await recreate();
      const before = writes().length;
      await recreate();
      expect(writes().slice(before)).toEqual([]);
    });

    it.each([
      ['a request', false],
      ['an answer', true],
    ])(
      'goes on where %s was lost, wherever that was',
      async (_, obeyed) => {
        await recreate();
        const inOneGo = writes().length;
        let whole = 0;
        for (let allowed = 0; ; allowed += 1) {
          const fresh = await under.seed();
          const writer = make({ url: fresh.url });
          let done = 0;
          const undo = fresh.intercept((request, response) => {
            if (request.method === 'GET') return false;
            done += 1;
            if (done <= allowed) return false;
            const { socket } = response;
            if (obeyed) {
              response.writeHead = () => response;
              response.end = () => {
                socket?.destroy();
                return response;
              };
            } else socket?.destroy();
            return !obeyed;
          });
          const error = await recreate(writer).catch((thrown: unknown) => thrown);
          undo();
          if (error !== undefined) await recreate(make({ url: fresh.url }));
          const there = await make({ url: fresh.url }).existing(path, context());
          expect([...there.issues.keys()].sort(), `stopped at ${allowed}`).toEqual([12, 15]);
          expect(there.releases.has('v1'), `stopped at ${allowed}`).toBe(true);
          expect(there.variables.size, `stopped at ${allowed}`).toBe(2);
          expect(
            [...fresh.uploads.values()].some((bytes) => bytes.includes(FILE)),
            `stopped at ${allowed}`,
          ).toBe(true);
          expect(fresh.faults).toEqual([]);
          const all = fresh.requests.filter((one) => !one.startsWith('GET '));
          expect(all.length, `stopped at ${allowed}`).toBeLessThanOrEqual(inOneGo + (obeyed ? 0 : 1));
          await fresh.stop();
          whole = allowed;
          if (error === undefined) break;
        }
        expect(whole).toBeGreaterThan(8);
        // A forge for each request: much on a busy machine.
      },
      120_000,
    );

    it('sends the files of a release whole', async () => {
      await recreate();
      const sent = [...mock.uploads.values()];
      expect(sent).toHaveLength(1);
      // Some forges take them in a form, with lines around.
      expect(sent[0]?.includes(FILE)).toBe(true);
    });

    it('names what a token lacks', async () => {
      const writer = make();
      await writer.create(path, VIEW, context());
      mock.intercept((request, response) => {
        if (request.method !== 'POST') return false;
        response
          .writeHead(under.denied.status, { 'content-type': 'application/json', ...under.denied.headers })
          .end(JSON.stringify(under.denied.body));
        return true;
      });
      await expect(
        writer.createLabel(path, { name: 'bug', color: 'ff0000', description: '' }, context()),
      ).rejects.toMatchObject({ refusal: { kind: 'denied', needs: expect.stringContaining(under.denied.needs) } });
    });

    it('tells neither its token nor the value of a variable', async () => {
      const token = 'wrong-recognisable-token';
      const wrong = await make({ token: Secret.fromText(token) })
        .identify(context())
        .catch((thrown: unknown) => thrown);
      expect(wrong).toMatchObject({ refusal: { kind: 'unauthenticated' } });
      const writer = make();
      await writer.create(path, VIEW, context());
      mock.intercept((request, response) => {
        if (request.method !== 'POST') return false;
        response
          .writeHead(422, { 'content-type': 'application/json' })
          .end(JSON.stringify({ message: `${VALUE} is not taken` }));
        return true;
      });
      const refused = (await writer
        .createVariable(path, { name: 'A', value: VALUE }, context())
        .catch((thrown: unknown) => thrown)) as ForgeError;
      expect(refused).toMatchObject({ refusal: { kind: 'failed' } });
      for (const error of [wrong, refused] as Error[])
        for (const text of [error.message, error.stack ?? '', JSON.stringify(error)])
          for (const secret of [token, VALUE]) expect(text).not.toContain(secret);
    });

    it('refuses a variable without a value', async () => {
      const writer = make();
      await writer.create(path, VIEW, context());
      const before = writes().length;
      await expect(writer.createVariable(path, { name: 'A' }, context())).rejects.toMatchObject({
        refusal: { kind: 'failed' },
      });
      expect(writes()).toHaveLength(before);
    });

    it('does not write again what failed: it may have been done', async () => {
      const writer = make();
      await writer.create(path, VIEW, context());
      let asked = 0;
      mock.intercept((request, response) => {
        if (request.method !== 'POST') return false;
        asked += 1;
        response.writeHead(502, { 'content-type': 'application/json' }).end('{"message":"bad gateway"}');
        return true;
      });
      await expect(writer.createComment(path, 1, 'A word', context())).rejects.toMatchObject({
        refusal: { kind: 'failed' },
      });
      expect(asked).toBe(1);
    });

    it('waits when asked to, and stops in the middle of that', async () => {
      const writer = make();
      await writer.create(path, VIEW, context());
      let asked = 0;
      const undo = mock.intercept((request, response) => {
        if (request.method !== 'POST' || asked > 0) return false;
        asked += 1;
        response.writeHead(429, { 'retry-after': '90', 'content-type': 'application/json' }).end('{"message":"slow"}');
        return true;
      });
      const told: number[] = [];
      await writer.createLabel(
        path,
        { name: 'one', color: 'ff0000', description: '' },
        { ...context(), waiting: (ms) => told.push(ms) },
      );
      expect(told).toEqual([90_000]);
      undo();
      mock.intercept((_, response) => {
        response.writeHead(429, { 'retry-after': '90', 'content-type': 'application/json' }).end('{"message":"slow"}');
        return true;
      });
      const stop = new AbortController();
      await expect(
        writer.createLabel(
          path,
          { name: 'two', color: 'ff0000', description: '' },
          { signal: stop.signal, waiting: () => stop.abort(new Error('a trip')) },
        ),
      ).rejects.toThrow('a trip');
    });
  });
}
