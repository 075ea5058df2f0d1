import { describe, expect, test } from 'vitest';
import { Judge, type JudgedSource, type Judgement } from '../../daemon/alerts/judge.ts';
import type { Body } from '../../daemon/intake/body.ts';
import { detector, prometheus, sample, sampleJson } from '../intake/helpers.ts';

const judge = (source: JudgedSource, body: Body): Judgement =>
  new Judge({ rules: [], agents: [] }, [source]).judge(source, {
    body,
    header: () => undefined,
    now: 0,
    repeated: () => false,
  });

const whole = (body: string | Buffer): Body => {
  const bytes = Buffer.from(body);
  return { kind: 'whole', bytes, size: bytes.length };
};
const text = (value: unknown) => whole(JSON.stringify(value));
const ignoring = { ...prometheus, unknown: 'ignore' as const };

describe('Alertmanager', () => {
  const firing = 'alertmanager-v4-agent-destructive-firing.json';
  const resolved = 'alertmanager-v4-agent-destructive-resolved.json';

  test('a firing alert that matches trips', () => {
    expect(judge(prometheus, whole(sample(firing)))).toEqual({
      trip: true,
      rule: 'agent.destructive',
      reason: 'An agent deletes.',
    });
  });

  test('a resolved alert never trips', () => {
    expect(judge(prometheus, whole(sample(resolved)))).toEqual({ trip: false, why: 'No rule matched.' });
  });

  test('an alert that matches no rule does not trip', () => {
    expect(judge(prometheus, whole(sample('alertmanager-v4-firing-single.json'))).trip).toBe(false);
  });

  test('alerts of a mixed group are judged one by one', () => {
    const [dangerous] = sampleJson(firing)['alerts'] as object[];
    const [over] = sampleJson(resolved)['alerts'] as object[];
    const [harmless] = sampleJson('alertmanager-v4-firing-single.json')['alerts'] as object[];
    const group = (...alerts: unknown[]) => text({ ...sampleJson(firing), commonLabels: {}, groupLabels: {}, alerts });
    expect(judge(prometheus, group(harmless, over, harmless)).trip).toBe(false);
    expect(judge(prometheus, group(harmless, over, dangerous)).trip).toBe(true);
    expect(judge(prometheus, group()).trip).toBe(false);
  });

  test('the status of the group decides nothing', () => {
    expect(judge(prometheus, text({ ...sampleJson(firing), status: 'resolved' })).trip).toBe(true);
    expect(judge(prometheus, text({ ...sampleJson(resolved), status: 'firing' })).trip).toBe(false);
  });

  test('rules find the keys of the group beside those of the alert', () => {
    for (const path of [
      ['receiver'],
      ['commonLabels', 'agent_id'],
      ['labels', 'agent_id'],
      ['externalURL'],
      ['groupKey'],
    ]) {
      const rules = [
        { id: 'r', on: 'alert' as const, act: 'trip' as const, reason: 'R.', when: { path, op: 'exists' as const } },
      ];
      expect([path, judge({ ...prometheus, rules }, whole(sample(firing))).trip]).toEqual([path, true]);
    }
  });

  test.each([
    ['another version', JSON.stringify({ version: '5', alerts: [{ status: 'firing', labels: {} }] })],
    ['no alerts', JSON.stringify({ version: '4', status: 'firing' })],
    ['alerts that are no list', JSON.stringify({ version: '4', alerts: { 0: {} } })],
    ['an alert without labels', JSON.stringify({ version: '4', alerts: [{ status: 'firing' }] })],
    ['an alert of unknown status', JSON.stringify({ version: '4', alerts: [{ status: 'pending', labels: {} }] })],
    ['null among the alerts', JSON.stringify({ version: '4', alerts: [null] })],
    ['alerts left out', JSON.stringify({ version: '4', truncatedAlerts: 3, alerts: [] })],
    ['a list', '[]'],
    ['a list of something else', '[{"labels":[]}]'],
    ['text', '"alert"'],
    ['null', 'null'],
    ['no JSON', 'alert!'],
    ['nothing', ''],
    ['half of it', sample(firing).subarray(0, 300)],
    ['invalid UTF-8', Buffer.from('eyJhIjoi/yJ9', 'base64')],
    ['10,000 levels', '['.repeat(10_000) + ']'.repeat(10_000)],
    ['10,000 levels never closed', '{"a":'.repeat(10_000)],
  ])('%s is not understood: the policy decides', (_, body) => {
    expect(judge(prometheus, whole(body))).toMatchObject({
      trip: true,
      reason: expect.stringContaining('not understood'),
    });
    expect(judge(ignoring, whole(body))).toMatchObject({ trip: false, why: expect.stringContaining('ignored') });
  });

  test('what is understood of a body counts even when the rest is not', () => {
    const [dangerous] = sampleJson(firing)['alerts'] as object[];
    expect(judge(ignoring, text({ version: '4', alerts: [5, dangerous] }))).toMatchObject({
      trip: true,
      rule: 'agent.destructive',
    });
    expect(judge(ignoring, text({ version: '4', truncatedAlerts: 1, alerts: [dangerous] })).trip).toBe(true);
  });
});

describe('JSON', () => {
  test('samples', () => {
    expect(judge(detector, whole(sample('standardwebhooks-agent-destructive.json'))).trip).toBe(true);
    expect(judge(detector, whole(sample('standardwebhooks-example-event.json'))).trip).toBe(false);
  });

  test('an array is judged item by item', () => {
    const hit = { type: 'agent.destructive.detected' };
    expect(judge(detector, text([{ type: 'x' }, hit])).trip).toBe(true);
    expect(judge(detector, text([{ type: 'x' }, { type: 'y' }])).trip).toBe(false);
    expect(judge(detector, text([])).trip).toBe(false);
    expect(judge({ ...detector, unknown: 'ignore' }, text([1, hit])).trip).toBe(true);
  });

  test.each(['null', '5', '"x"', 'true', '[[]]', '[null]', 'NaN', '{} {}'])('%s is not understood', (body) => {
    expect(judge(detector, whole(body)).trip).toBe(true);
    expect(judge({ ...detector, unknown: 'ignore' }, whole(body)).trip).toBe(false);
  });

  test('deep, large and odd objects are read', () => {
    const bodies = [
      `{"a":${'['.repeat(10_000)}${']'.repeat(10_000)},"type":"agent.destructive"}`,
      '{"type":"agent.destructive","n":123456789012345678901234567890,"m":1e999}',
      '{"type":"agent.destructive","__proto__":{"type":"x"},"constructor":1}',
      '\ufeff{"type":"agent.destructive"}',
    ];
    for (const body of bodies)
      expect([body.slice(0, 40), judge(detector, whole(body))]).toMatchObject([
        {},
        { trip: true, rule: 'detector.destructive' },
      ]);
  });
});

test('oversize trips whatever the policy; a body cut off goes by the policy', () => {
  for (const source of [prometheus, ignoring])
    expect(judge(source, { kind: 'oversize', complete: false, size: 9 }).trip).toBe(true);
  expect(judge(prometheus, { kind: 'cut', size: 9 }).trip).toBe(true);
  expect(judge(ignoring, { kind: 'cut', size: 9 }).trip).toBe(false);
});
