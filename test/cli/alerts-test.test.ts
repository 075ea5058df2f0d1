import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from '../../daemon/config/read.ts';
import { SOUND } from '../config/samples.ts';
import { runCommand } from './context.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'portcullis-alerts-test-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const INTAKE = `intake:
  maxBody: 16384
  rules:
    - {id: aws.cfn, act: rate}
    - {id: host.tf, act: "off"}
  sources:
    - {name: aws, format: eventbridge, auth: {scheme: bearer, secrets: [{env: T}]}}
    - {name: github, format: github, auth: {scheme: bearer, secrets: [{env: T}]}}
`;

function run(...argv: string[]) {
  const text = `${SOUND.slice(0, SOUND.indexOf('intake:'))}${INTAKE}`;
  const reading = readConfig(Buffer.from(text), home);
  if (!reading.ok) throw new Error(JSON.stringify(reading.faults));
  return runCommand(['alerts', ...argv], { loadConfig: async () => reading.config });
}

const sample = (name: string) => new URL(`../alerts/samples/${name}.json`, import.meta.url).pathname;
const DELETED = sample('eventbridge-cloudtrail-deletedbinstance');

describe('alerts test', () => {
  it('says which rule trips, and on which field', async () => {
    const { code, out } = await run('test', 'aws', DELETED);
    expect(code).toBe(0);
    expect(out).toMatch(/^TRIPS \(rule aws\.rds\.delete_nosnap\): /);
    expect(out).toContain('aws by arn:aws:iam::123456789012:user/contractor');
    expect(out).toContain('eventName is "DeleteDBInstance"; in ["DeleteDBInstance"');
    expect(out).not.toContain('does not match');
  });

  it('says why the others do not', async () => {
    const { out } = await run('test', 'aws', DELETED, '--all');
    expect(out).toContain(
      '  aws.kms.delete does not match\n      eventSource is "rds.amazonaws.com"; not in ["kms.amazonaws.com"]\n',
    );
  });

  it('takes headers, and ends with 1 where nothing trips', async () => {
    const push = sample('github-push-forced-default-branch');
    expect(await run('test', 'github', push, '--header', 'X-GitHub-Event: push')).toMatchObject({ code: 0 });
    const ping = await run('test', 'github', sample('github-ping'), '--header', 'X-GitHub-Event: ping');
    expect(ping).toMatchObject({ code: 1, out: expect.stringContaining('It holds no alert') });
    const benign = sample('github-push-new-branch-benign');
    const calm = await run('test', 'github', benign, '--header', 'X-GitHub-Event: push');
    expect(calm).toMatchObject({ code: 1, out: expect.stringContaining('rules that were asked matches; --all') });
  });

  it('tells a script the same, with the version of the rules', async () => {
    const { out } = await run('test', 'aws', DELETED, '--json');
    expect(JSON.parse(out)).toMatchObject({
      source: 'aws',
      packVersion: expect.any(Number),
      judgement: { trip: true, rule: 'aws.rds.delete_nosnap' },
      alerts: [{ deeds: [{ on: 'alert' }, { on: 'aws' }] }],
    });
  });

  it('judges what is too large, and what is no JSON, as intake does', async () => {
    const large = join(home, 'large');
    await writeFile(large, 'x'.repeat(16_385));
    expect((await run('test', 'aws', large)).out).toContain('TRIPS: An authenticated alert is larger');
    await writeFile(large, 'x');
    expect((await run('test', 'aws', large)).out).toContain('Not understood: The body is not JSON in UTF-8.');
  });

  it('shows nothing on the terminal that commands it', async () => {
    const hostile = join(home, 'hostile');
    const event = { eventSource: 's3.amazonaws.com', eventName: 'x', userIdentity: { arn: 'a\u009b2J\u202eb' } };
    await writeFile(hostile, JSON.stringify({ 'detail-type': 'x', source: 's', detail: event }));
    const { out } = await run('test', 'aws', hostile, '--all');
    expect(out).toContain('aws by a?2J?b');
    expect(out.replaceAll('\n', '')).not.toMatch(/\p{C}/u);
  });

  it.each([
    [['test'], 'takes the name of a source and a file'],
    [['test', 'nobody', DELETED], 'There is no alert source nobody; the configuration has: aws, github.'],
    [['test', 'aws', '/nowhere'], '/nowhere cannot be read'],
    [['test', 'aws', DELETED, '--header', 'nothing'], '--header takes NAME: VALUE, not "nothing"'],
    [['rules', 'no.such'], 'There is no rule no.such, or it is off'],
    [['rules', 'host.tf'], 'There is no rule host.tf, or it is off'],
    [['else'], 'alerts does not know "else"'],
  ])('%s is wrong use', async (argv, said) => {
    const { code, err } = await run(...argv);
    expect(code).toBe(2);
    expect(err).toContain(said);
  });
});

describe('alerts rules', () => {
  it('lists the rules in force, and where each comes from', async () => {
    const { out } = await run('rules');
    expect(out).toMatch(/^aws\.cfn +rate +aws +changed /m);
    expect(out).toMatch(/^aws\.rds\.delete +trip +aws +shipped /m);
    expect(out).not.toMatch(/^host\.tf /m);
  });

  it('shows one whole', async () => {
    const { out } = await run('rules', 'aws.cfn', '--json');
    expect(JSON.parse(out).rules).toEqual([
      expect.objectContaining({ id: 'aws.cfn', act: 'rate', origin: 'changed', source: expect.any(String) }),
    ]);
  });
});
