import { describe, expect, test } from 'vitest';
import { Judge, type JudgedSource } from '../../daemon/alerts/judge.ts';
import { alertRuleFault, rulesOfAll } from '../../daemon/alerts/rule-set.ts';
import type { SharedRule } from '../../daemon/config/schema.ts';

const SOURCE: JudgedSource = { name: 'siem', format: 'json', rules: [], unknown: 'trip' };
const bench = (rules: readonly SharedRule[] = [], agents: readonly string[] = []) => {
  const judge = new Judge({ rules: [...rules], agents: [...agents] }, [SOURCE]);
  return (alert: unknown, now = 0, repeated = false) => {
    const bytes = Buffer.from(JSON.stringify(alert));
    return judge.judge(SOURCE, {
      body: { kind: 'whole', bytes },
      header: () => undefined,
      now,
      repeated: () => repeated,
    });
  };
};
/** A call of AWS by `who`. */
const aws = (eventSource: string, eventName: string, who = 'agent', more: object = {}) => ({
  eventSource: `${eventSource}.amazonaws.com`,
  eventName,
  userIdentity: { type: 'IAMUser', arn: who },
  ...more,
});
const terminate = (who?: string) => aws('ec2', 'TerminateInstances', who);
const DROP = aws('rds', 'DeleteDBInstance');

test('what trips does so at once, with its rule and its reason', () => {
  expect(bench()(DROP)).toEqual({
    trip: true,
    rule: 'aws.rds.delete',
    reason: 'A database of Amazon RDS is being deleted.',
  });
});

describe('by rate', () => {
  test('the fifth within a minute by the same', () => {
    const judge = bench();
    for (let index = 0; index < 4; index++)
      expect(judge(terminate(), index * 1000)).toEqual({
        trip: false,
        why: 'aws.ec2.terminate: Amazon EC2 machines are being terminated. Not yet too many.',
      });
    expect(judge(terminate('another'), 4000).trip).toBe(false);
    expect(judge(terminate(), 5000)).toEqual({
      trip: true,
      rule: 'aws.ec2.terminate',
      reason: 'Amazon EC2 machines are being terminated. Too many: 5 within 60 s.',
    });
  });

  test('the twentieth within ten minutes by the same', () => {
    const judge = bench();
    for (let index = 0; index < 19; index++) expect(judge(terminate(), index * 20_000).trip).toBe(false);
    expect(judge(terminate(), 19 * 20_000)).toMatchObject({ trip: true });
  });

  test('the fiftieth within ten minutes by whomever', () => {
    const judge = bench();
    for (let index = 0; index < 49; index++) expect(judge(terminate(`a${index}`), index * 1000).trip).toBe(false);
    expect(judge(terminate('a49'), 49_000)).toMatchObject({ trip: true });
  });

  test('a rule with its own limit: 20 per bucket', () => {
    const judge = bench();
    const put = (bucketName: string) =>
      aws('s3', 'PutObject', 'agent', {
        requestParameters: { bucketName, 'x-amz-server-side-encryption-customer-algorithm': 'AES256' },
      });
    for (let index = 0; index < 19; index++) {
      expect(judge(put('a'), index).trip).toBe(false);
      expect(judge(put('b'), index).trip).toBe(false);
    }
    expect(judge(put('a'), 20)).toMatchObject({ trip: true, rule: 'aws.s3.ssec' });
  });

  test('several of one delivery count each; one of them that several rules know counts once', () => {
    expect(bench()([1, 2, 3, 4, 5].map(() => terminate())).trip).toBe(true);
    expect(bench()([1, 2, 3, 4].map(() => terminate())).trip).toBe(false);
    const judge = bench();
    // A branch deleted and a request that deletes, in one object.
    const both = {
      tool: 'http',
      input: {},
      method: 'DELETE',
      url: 'https://api.example.com/x',
      command: 'kubectl delete pod x',
    };
    for (let index = 0; index < 4; index++) expect(judge({ ...both, index }).trip).toBe(false);
    expect(judge({ ...both, index: 5 }).trip).toBe(true);
  });

  test('one command counts once, whatever it starts', () => {
    const judge = bench([{ id: 'host.kubectl.some', rate: { count: 2, within: '1m' } }]);
    expect(judge({ command: 'kubectl delete pod a; kubectl delete pod b' }).trip).toBe(false);
    const both = { command: 'kubectl delete pod a', more: { command: 'kubectl delete pod b' } };
    expect(
      bench([{ id: 'host.kubectl.some', rate: { count: 2, within: '1m' } }])({ tool: 'x', input: both }).trip,
    ).toBe(false);
    expect(judge({ command: 'kubectl delete pod c' }).trip).toBe(true);
  });

  test('commands count for whoever the alert around them names', () => {
    const judge = bench();
    const call = (session_id: string) => ({
      session_id,
      tool_name: 'Bash',
      tool_input: { command: 'kubectl delete pod x' },
    });
    for (let index = 0; index < 4; index++) {
      expect(judge(call('a'), index).trip).toBe(false);
      expect(judge(call('b'), index).trip).toBe(false);
    }
    expect(judge(call('a'), 5).trip).toBe(true);
  });

  test('what came before is not counted again, but trips again', () => {
    const judge = bench();
    for (let index = 0; index < 10; index++)
      expect(judge(terminate(), 0, true)).toEqual({ trip: false, why: 'No rule matched.' });
    for (let index = 0; index < 4; index++) expect(judge(terminate()).trip).toBe(false);
    expect(judge(DROP, 0, true).trip).toBe(true);
  });
});

test('context only halves the limits', () => {
  const judge = bench();
  for (let index = 0; index < 100; index++) expect(judge(aws('s3', 'DeleteBucketPolicy')).trip).toBe(false);
  expect(judge(terminate()).trip).toBe(false);
  expect(judge(terminate()).trip).toBe(false);
  expect(judge(terminate())).toMatchObject({ trip: true, reason: expect.stringContaining('3 within 60 s') });
});

describe('refused', () => {
  const denied = (more: object = {}) => ({ ...DROP, errorCode: 'AccessDenied', ...more });

  test('to somebody: nothing happened', () => {
    expect(bench()(denied())).toEqual({
      trip: false,
      why: "aws.rds.delete: A database of Amazon RDS is being deleted. But it was refused, and not an agent's.",
    });
  });

  test.each([
    ['by its program', denied({ userAgent: 'aws-mcp-server/1.2' })],
    ['by its name', denied({ userIdentity: { arn: 'arn:aws:sts::1:assumed-role/claude-code/x' } })],
    ['by its key', denied({ additionalEventData: { callWithBearerToken: true } })],
  ])('to an agent, known %s: it tried', (_, alert) => {
    expect(bench()(alert)).toMatchObject({ trip: true, reason: expect.stringContaining('an agent tried') });
  });

  test('to an agent whose name the operator has told', () => {
    const alert = denied({ userIdentity: { arn: 'arn:aws:iam::1:role/night-shift' } });
    expect(bench()(alert).trip).toBe(false);
    expect(bench([], ['night-shift$'])(alert).trip).toBe(true);
  });

  test('hides nothing else', () => {
    expect(bench()([denied(), DROP]).trip).toBe(true);
  });
});

describe('rules for all sources', () => {
  const own: SharedRule = {
    id: 'own.rule',
    reason: 'Ours.',
    when: { path: ['kind'], op: 'eq', value: 'bad' },
  };

  test('one is switched off, and the others are not', () => {
    const judge = bench([{ id: 'aws.rds.delete', act: 'off' }]);
    expect(judge(DROP).trip).toBe(false);
    expect(judge(aws('s3', 'DeleteBucket')).trip).toBe(true);
  });

  test('one acts otherwise', () => {
    const judge = bench([{ id: 'aws.rds.delete', act: 'rate', rate: { count: 2, within: '1m' } }]);
    expect(judge(DROP).trip).toBe(false);
    expect(judge(DROP)).toMatchObject({ trip: true, rule: 'aws.rds.delete' });
  });

  test('one has an exception', () => {
    const except = { path: ['userIdentity', 'arn'], op: 'suffix' as const, value: 'terraform' };
    const judge = bench([{ id: 'aws.rds.delete', except }]);
    expect(judge(aws('rds', 'DeleteDBInstance', 'x/terraform')).trip).toBe(false);
    expect(judge(DROP).trip).toBe(true);
  });

  test('an exception is added to those that the rule ships with', () => {
    const judge = bench([
      { id: 'host.shred', except: { path: ['portcullis', 'run'], op: 'suffix', value: 'key.pem' } },
    ]);
    expect(judge({ command: 'shred -u key.pem' }).trip).toBe(false);
    expect(judge({ command: 'shred -u x --help' }).trip).toBe(false);
    expect(judge({ command: 'shred -u data' }).trip).toBe(true);
  });

  test('one is added, and asked before the shipped ones', () => {
    const judge = bench([own]);
    expect(judge({ kind: 'bad' })).toEqual({ trip: true, rule: 'own.rule', reason: 'Ours.' });
    expect(judge({ ...DROP, kind: 'bad' })).toMatchObject({ rule: 'own.rule' });
    expect(rulesOfAll([own])[0]).toMatchObject({ origin: 'yours', rule: { act: 'trip', on: 'alert' } });
  });

  test.each<[string, SharedRule, string | undefined]>([
    ['a new one', own, undefined],
    ['a shipped one, changed in one thing', { id: 'aws.rds.delete', reason: 'X.' }, undefined],
    ['a shipped one, off', { id: 'aws.rds.delete', act: 'off' }, undefined],
    ['a name that is not shipped, off', { id: 'aws.rds.delte', act: 'off' }, 'is off'],
    ['no reason', { id: 'x', when: own.when! }, 'no reason'],
    ['no condition', { id: 'x', reason: 'X.' }, 'does not say when'],
    ['a whole one that is off', { ...own, act: 'off' }, 'is off'],
  ])('%s', (_, rule, fault) => {
    if (fault === undefined) expect(alertRuleFault(rule)).toBeUndefined();
    else {
      expect(alertRuleFault(rule)).toContain(fault);
      expect(() => rulesOfAll([rule])).toThrow(fault);
    }
  });
});

test('more text than rules may look through is not understood: the policy decides', () => {
  const rules: SharedRule[] = [{ id: 'x', reason: 'X.', when: { path: ['long'], op: 're2', value: 'a' } }];
  expect(bench(rules)({ long: 'b'.repeat(5 << 20) })).toMatchObject({
    trip: true,
    reason: expect.stringContaining('not understood'),
  });
});
