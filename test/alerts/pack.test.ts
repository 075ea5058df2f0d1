import { describe, expect, test } from 'vitest';
import { deedsIn } from '../../daemon/alerts/deeds.ts';
import { Effort } from '../../daemon/alerts/effort.ts';
import type { JsonObject } from '../../daemon/alerts/format.ts';
import { PACK } from '../../daemon/alerts/pack.ts';
import { rulesOfAll } from '../../daemon/alerts/rule-set.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import { FIXTURES } from './pack/index.ts';

const RULES = new Map(rulesOfAll([]).map((ready) => [ready.rule.id, ready]));
const holds = (id: string, alert: unknown) =>
  deedsIn(alert as JsonObject).deeds.some((deed) => RULES.get(id)!.holds(deed, new Effort()));

test('each rule has its samples, and each name is there once', () => {
  const ids = PACK.map(({ id }) => id);
  expect(Object.keys(FIXTURES).sort()).toEqual([...ids].sort());
  expect(new Set(ids).size).toBe(ids.length);
  for (const { trips, passes } of Object.values(FIXTURES)) {
    expect(trips.length).toBeGreaterThan(0);
    expect(passes.length).toBeGreaterThan(0);
  }
});

describe.each(PACK.map(({ id }) => id))('%s', (id) => {
  const { trips = [], passes = [] } = FIXTURES[id] ?? {};
  test('holds for what it is about', () => {
    for (const alert of trips) expect([alert, holds(id, alert)]).toEqual([alert, true]);
  });
  test('does not for what is much like it, of which some is of its subject', () => {
    const { on } = RULES.get(id)!.rule;
    const subjects = passes.flatMap((alert) => deedsIn(alert as JsonObject).deeds.map((deed) => deed.on));
    if (on !== 'mark') expect(subjects).toContain(on);
    for (const alert of passes) expect([alert, holds(id, alert)]).toEqual([alert, false]);
  });
});

test('an operator could have written each rule: the configuration accepts it', () => {
  const rules = PACK.map(({ source, ...rule }) => rule);
  const parsed = configSchema.shape.intake.safeParse({ sources: [], rules });
  expect(parsed.error?.issues.slice(0, 3)).toBeUndefined();
});

test('what a rule says can be read at three in the morning: one sentence, with where it comes from', () => {
  for (const { id, reason, source } of PACK) {
    expect([id, /^[A-Z].{10,200}\.$/.test(reason)]).toEqual([id, true]);
    expect([id, source.length > 5]).toEqual([id, true]);
  }
});
