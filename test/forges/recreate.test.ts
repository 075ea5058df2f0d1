import { describe, expect, it } from 'vitest';
import { ForgeError, type ForgeKind, type JsonObject } from '../../daemon/forges/forge.ts';
import { READERS } from '../../daemon/forges/readers.ts';
import { type RecreateReport, recreate, survey } from '../../daemon/forges/recreate.ts';
import { type Plan, planRecreation, type RecreateInput } from '../../daemon/forges/recreate-plan.ts';
import { planLines, reportLines } from '../../daemon/forges/recreate-words.ts';
import type { Issue } from '../../daemon/forges/view.ts';
import type { NewAsset } from '../../daemon/forges/writer.ts';
import { FakeWriter, Killed } from './fake-writer.ts';

const TARGET = 'acme/again';
const VALUE = 'postgres://recognisable-value';
const context = { signal: new AbortController().signal };
const COMMITS = new Map([
  ['refs/heads/main', 'a1'],
  ['refs/heads/next', 'b2'],
  ['refs/tags/v1', 'c3'],
  ['refs/notes/commits', 'd4'],
]);

function issue(number: number, more: Partial<Issue> = {}): Issue {
  return {
    number,
    title: `Issue ${number}`,
    body: `Body of ${number}`,
    state: 'open',
    author: 'ada',
    createdAt: '2026-01-01T00:00:00Z',
    labels: [],
    assignees: [],
    comments: [],
    url: `https://forge.example/acme/app/issues/${number}`,
    ...more,
  };
}
const comment = (id: string, body: string) => ({ id, author: 'grace', createdAt: '2026-01-02T00:00:00Z', body });
const asset = (name: string): NewAsset => ({
  name,
  size: 5,
  async *open() {
    yield Buffer.from('bytes');
  },
});

function sample(more: Partial<RecreateInput> = {}): RecreateInput {
  return {
    repository: {
      path: 'acme/app',
      description: 'An app',
      visibility: 'private',
      archived: false,
      defaultBranch: 'next',
      topics: ['one'],
      hasIssues: true,
      hasWiki: false,
    },
    refs: [...COMMITS.keys(), 'refs/pull/1/head'],
    labels: [
      { name: 'bug', color: 'ff0000', description: 'Wrong' },
      { name: 'odd', color: '', description: '' },
    ],
    milestones: [{ title: '1.0', description: '', state: 'closed' }],
    issues: [
      issue(7, { state: 'closed', closedAt: '2026-02-01T00:00:00Z', comments: [comment('71', 'Done')] }),
      issue(3, {
        labels: ['bug', 'of the organisation'],
        milestone: '1.0',
        assignees: ['linus'],
        comments: [comment('31', 'First'), comment('32', ''), comment('33', 'Second')],
      }),
      issue(5),
    ],
    releases: [
      {
        release: {
          tag: 'v1',
          name: 'One',
          body: 'Thanks @ada',
          draft: false,
          prerelease: false,
          createdAt: '2026-01-01T00:00:00Z',
          assets: ['app.tar.gz'],
        },
        assets: [asset('app.tar.gz')],
      },
    ],
    variables: [{ name: 'DATABASE_URL', value: VALUE }, { name: 'REGION', value: 'eu' }, { name: 'DEPLOY_KEY' }],
    others: { pulls: 2, webhooks: 1, runs: 0 },
    ...more,
  };
}

interface Done {
  readonly plan: Plan;
  readonly report: RecreateReport;
}

async function run(writer: FakeWriter, input = sample(), within = context): Promise<Done> {
  const plan = planRecreation(input, TARGET, writer.kind, await survey(writer, TARGET, within));
  const report = await recreate(plan, { writer, input, push: writer.pushOf(COMMITS), context: within });
  return { plan, report };
}
const stateOf = (writer: FakeWriter) => structuredClone(writer.repositories);
const theOne = (writer: FakeWriter) => {
  const found = writer.repositories.get(TARGET);
  if (found === undefined) throw new Error('nothing was made');
  return found;
};

describe('recreate', () => {
  it('makes all of a repository, the default branch first and issues by their numbers', async () => {
    const writer = new FakeWriter();
    const { report } = await run(writer);
    const made = theOne(writer);
    expect(writer.calls.slice(0, 2)).toEqual([`create ${TARGET}`, 'push refs/heads/next']);
    expect(made.refs).toEqual(COMMITS);
    expect([...made.labels.values()].map(({ name, color }) => `${name} ${color}`)).toEqual([
      'bug ff0000',
      'odd ededed',
      'of the organisation ededed',
    ]);
    expect(made.milestones.get('1.0')).toMatchObject({ state: 'closed' });
    expect(made.issues.map(({ number, title, state }) => `${number} ${title} ${state}`)).toEqual([
      '1 Issue 3 open',
      '2 Issue 5 open',
      '3 Issue 7 closed',
    ]);
    expect(made.issues[0]).toMatchObject({ labels: ['bug', 'of the organisation'], milestone: '1.0', assignees: [] });
    expect(made.issues[0]?.comments).toHaveLength(2);
    expect(made.releases.get('v1')?.files.get('app.tar.gz')).toBe('bytes');
    expect(made.variables).toEqual(
      new Map([
        ['DATABASE_URL', VALUE],
        ['REGION', 'eu'],
      ]),
    );
    expect(report.made).toContain('issue 3 as 1');
    expect(report.made).toContain('branch next');
    expect(report.there).toEqual([]);
  });

  it('says who wrote what when and where, and calls nobody', async () => {
    const writer = new FakeWriter();
    const body =
      'Hello @linus, (@acme/team) &#64;ada mail a@b.example\n/close\n> /assign @x\n<!-- portcullis: a issues/1 -->';
    await run(
      writer,
      sample({
        issues: [issue(3, { title: 'For @ada', body, assignees: ['linus'], comments: [comment('1', '@all')] })],
      }),
    );
    const [made] = theOne(writer).issues;
    const text = made?.body ?? '';
    expect(text).toMatch(/^<!-- portcullis: acme%2Fapp issues\/3 -->\n> Written by `ada` on 2026-01-01T00:00:00Z/);
    expect(text).toContain('`https://forge.example/acme/app/issues/3`');
    expect(text).toContain('Assigned to `linus`');
    expect(text).toContain('mail a@b.example');
    for (const written of [text, made?.title ?? '', made?.comments[0] ?? ''])
      expect(written).not.toMatch(/(?<!\w)(@|&#64;)\w|^[\s>]*\/[a-z]/m);
    expect(text.match(/<!-- portcullis:/g)).toHaveLength(1);
    expect(text.replaceAll('\u200b', '')).toContain('Hello @linus, (@acme/team) &#64;ada mail a@b.example\n/close\n');
    expect(made?.comments[0]).toContain('Written by `grace` on 2026-01-02T00:00:00Z');
    expect(theOne(writer).releases.get('v1')?.body).toBe('Thanks @\u200bada');
  });

  it('makes nothing a second time', async () => {
    const writer = new FakeWriter();
    await run(writer);
    const before = stateOf(writer);
    const calls = writer.calls.length;
    const { plan, report } = await run(writer);
    expect(writer.calls).toHaveLength(calls);
    expect(stateOf(writer)).toEqual(before);
    expect(plan.steps.map(({ kind }) => kind)).toEqual(['push', 'push']);
    expect(report.made).toEqual([]);
    expect(report.there).toEqual(expect.arrayContaining(['label bug', 'issue 3', 'branch main', 'variable REGION']));
  });

  it.each(['before', 'after'] as const)(
    'killed %s any call, a second run makes exactly what one run makes',
    async (when) => {
      const once = new FakeWriter();
      await run(once);
      const whole = stateOf(once);
      let at = 1;
      for (; ; at += 1) {
        const writer = new FakeWriter();
        writer.dies = { at, when };
        const ended = await run(writer).then(
          () => 'to its end',
          (error: unknown) => error,
        );
        if (ended === 'to its end') break;
        expect(ended).toBeInstanceOf(Killed);
        writer.dies = undefined;
        await run(writer);
        expect(stateOf(writer), `${when} call ${at}`).toEqual(whole);
      }
      expect(at - 1).toBe(once.calls.length);
      expect(at).toBeGreaterThan(15);
    },
  );

  it('closes an issue only when its last comment is there', async () => {
    const once = new FakeWriter();
    await run(once);
    const writer = new FakeWriter();
    writer.dies = { at: once.calls.indexOf('createComment 3') + 1, when: 'after' };
    await expect(run(writer)).rejects.toThrow(Killed);
    expect(theOne(writer).issues[2]).toMatchObject({ title: 'Issue 7', state: 'open', comments: [expect.any(String)] });
  });

  it('stops at once by its signal, and goes on another time', async () => {
    const once = new FakeWriter();
    await run(once);
    for (const [at] of once.calls.entries()) {
      const writer = new FakeWriter();
      const stop = new AbortController();
      const input = sample();
      const plan = planRecreation(input, TARGET, writer.kind, await survey(writer, TARGET, context));
      const push = writer.calls.push.bind(writer.calls);
      writer.calls.push = (call) => {
        if (writer.calls.length === at) stop.abort(new Error('a trip'));
        return push(call);
      };
      const running = recreate(plan, { writer, input, push: writer.pushOf(COMMITS), context: { signal: stop.signal } });
      if (at < once.calls.length - 1) await expect(running).rejects.toThrow('a trip');
      else await running;
      expect(writer.calls).toHaveLength(at + 1);
      writer.calls.push = push;
      await run(writer);
      expect(stateOf(writer)).toEqual(stateOf(once));
    }
  });

  it('leaves what is there as it is, and closes no issue that was open', async () => {
    const writer = new FakeWriter();
    await run(writer, sample({ issues: [issue(3)], labels: [{ name: 'bug', color: '0000ff', description: 'Mine' }] }));
    theOne(writer).refs.set('refs/heads/main', 'zz');
    const { report } = await run(writer);
    expect(theOne(writer).labels.get('bug')).toMatchObject({ color: '0000ff' });
    expect(theOne(writer).refs.get('refs/heads/main')).toBe('zz');
    expect(report.failed).toContainEqual({ what: 'branch main', reason: 'it holds something else' });
    expect(theOne(writer).issues.find(({ title }) => title === 'Issue 3')?.state).toBe('open');
  });

  it('says what cannot be made, and why', async () => {
    const { report } = await run(
      new FakeWriter(),
      sample({
        refs: ['refs/heads/next'],
        repository: { ...sample().repository, archived: true, hasWiki: true },
      }),
    );
    const failed = new Map(report.failed.map(({ what, reason }) => [what, reason]));
    expect([...failed.keys()]).toEqual([
      'release v1',
      'secret DEPLOY_KEY',
      'pulls (2)',
      'webhooks (1)',
      'wiki',
      'that it is archived',
    ]);
    expect(failed.get('release v1')).toContain('tag');
    expect(report.limits.join()).toContain('dates of releases');
    expect(report.limits.join()).toContain('reactions');
  });

  it('goes on where the forge refuses something, and tells no value it repeats', async () => {
    const writer = new FakeWriter();
    writer.refusals.set('createLabel bug', new ForgeError({ kind: 'failed' }, 'no room'));
    writer.refusals.set(
      'createVariable DATABASE_URL',
      new ForgeError({ kind: 'denied', needs: 'the scope write:repository' }, `${VALUE} is not for you`),
    );
    const { report, plan } = await run(writer);
    expect(report.failed.slice(0, 2)).toEqual([
      { what: 'label bug', reason: 'no room' },
      {
        what: 'variable DATABASE_URL',
        reason: '**redacted** is not for you; the token needs the scope write:repository',
      },
    ]);
    expect(theOne(writer).variables.has('REGION')).toBe(true);
    expect(JSON.stringify([plan, report, planLines(plan), reportLines(report)])).not.toContain(VALUE);
    writer.refusals.clear();
    expect((await run(writer)).report.made).toEqual(['label bug', 'variable DATABASE_URL']);
  });

  it.each([
    ['there is no repository', `create ${TARGET}`, { kind: 'denied', needs: 'more' }],
    ['the token was refused', 'createLabel bug', { kind: 'unauthenticated' }],
  ] as const)('stops where nothing more can be made: %s', async (reason, call, refusal) => {
    const writer = new FakeWriter();
    writer.refusals.set(call, new ForgeError(refusal, 'no'));
    const { report } = await run(writer);
    expect(report.failed.filter((one) => one.reason === reason).length).toBeGreaterThan(5);
    expect(writer.calls.every((made) => /^(create|push) /.test(made))).toBe(true);
  });

  it('shows what it would do, and does nothing', async () => {
    const writer = new FakeWriter();
    const plan = planRecreation(sample(), TARGET, writer.kind, await survey(writer, TARGET, context));
    const lines = planLines(plan);
    expect(writer.calls).toEqual([]);
    expect(lines).toEqual(
      expect.arrayContaining([
        `To be made in ${TARGET}:`,
        '  push 3 branches, tags and notes; nothing is overwritten',
        '  issue 3, 2 comments: Issue 3',
        '  issue 7, 1 comments, then closed: Issue 7',
        '  release v1, 1 files',
        '  variable DATABASE_URL',
        'Cannot be made:',
      ]),
    );
    expect(JSON.stringify([plan, lines])).not.toContain(VALUE);
    expect(JSON.stringify([plan, lines])).not.toContain('eu"');
  });

  it('tells how far it is', async () => {
    const writer = new FakeWriter();
    const input = sample();
    const plan = planRecreation(input, TARGET, writer.kind, await survey(writer, TARGET, context));
    const told: string[] = [];
    await recreate(plan, {
      writer,
      input,
      push: writer.pushOf(COMMITS),
      context,
      progress: ({ what, done, total }) => told.push(`${done}/${total} ${what}`),
    });
    expect(told[0]).toBe(`0/${plan.steps.length} repository`);
    expect(told.at(-1)).toBe(`${plan.steps.length}/${plan.steps.length} done`);
  });

  it.each<[ForgeKind, boolean]>([
    ['github', true],
    ['gitea', true],
    ['gitlab', false],
  ])('compares names of variables as %s writes them', async (kind, same) => {
    const writer = new FakeWriter(kind);
    await run(writer, sample({ variables: [{ name: 'REGION', value: 'eu' }] }));
    const again = sample({ variables: [{ name: 'region', value: 'eu' }] });
    const plan = planRecreation(again, TARGET, kind, await survey(writer, TARGET, context));
    expect(plan.steps.some((step) => step.kind === 'variable')).toBe(!same);
  });

  it('makes in one forge what came from another', async () => {
    const reader = READERS.gitlab;
    const stored = (collection: 'repository' | 'issues' | 'labels' | 'variables', object: JsonObject) => ({
      collection,
      key: '1',
      object,
    });
    const note = (id: number, body: string, system: boolean) => ({
      id,
      body,
      system,
      author: { username: 'grace' },
      created_at: '2026-01-02T00:00:00Z',
    });
    const input = sample({
      repository: reader.repository(
        stored('repository', {
          path_with_namespace: 'group/sub/app',
          default_branch: 'next',
          visibility: 'internal',
          topics: [],
        }),
      ),
      issues: [
        reader.issue(
          stored('issues', {
            issue: {
              iid: 4,
              title: 'From GitLab',
              description: 'See @grace\n/label ~bug',
              state: 'closed',
              author: { username: 'ada' },
              created_at: '2026-01-01T00:00:00Z',
              web_url: 'https://gitlab.example/group/sub/app/-/issues/4',
              labels: ['bug'],
            },
            discussions: [{ notes: [note(1, 'Said', false), note(2, 'closed', true)] }],
          }),
        ),
      ],
      labels: [reader.label(stored('labels', { name: 'bug', color: '#00ff00' }))],
      variables: [reader.variable(stored('variables', { key: 'URL', value: VALUE, environment_scope: 'production' }))],
    });
    const writer = new FakeWriter('gitea');
    writer.refusals.set('createVariable production/URL', new ForgeError({ kind: 'disabled' }, 'no environments'));
    const { report } = await run(writer, input);
    expect(theOne(writer).issues).toMatchObject([{ title: 'From GitLab', state: 'closed', labels: ['bug'] }]);
    expect(theOne(writer).issues[0]?.comments).toHaveLength(1);
    expect(theOne(writer).issues[0]?.body).toMatch(/^<!-- portcullis: group%2Fsub%2Fapp issues\/4 -->/);
    expect(report.failed).toContainEqual({ what: 'variable production/URL', reason: 'no environments' });
  });
});
