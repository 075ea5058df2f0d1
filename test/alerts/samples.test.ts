import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Header } from '../../daemon/alerts/format.ts';
import { FORMATS } from '../../daemon/alerts/formats.ts';
import { Judge, type JudgedSource, type Judgement } from '../../daemon/alerts/judge.ts';
import { FORMATS as FORMAT_NAMES } from '../../daemon/config/schema.ts';
import { sample, sampleJson } from '../intake/helpers.ts';
import { type Outcome, ROWS, type Row } from './samples/expected.ts';

/** In the folder, but no alerts. */
const OTHERS = ['signature-vectors', 'standard-webhooks-vectors', 'sns-test-keys', 'tls-test-keys'];

/** Of the sample that holds headers too, the body alone. */
function bytesOf({ sample: name }: Row): Buffer {
  const { _body: body } = sampleJson(`${name}.json`);
  return body === undefined ? sample(`${name}.json`) : Buffer.from(JSON.stringify(body));
}

const headerOf =
  ({ headers = {} }: Row): Header =>
  (name) =>
    headers[name];

const sources = (['trip', 'ignore'] as const).flatMap((unknown) =>
  FORMAT_NAMES.map((format): JudgedSource => ({ name: `${format}-${unknown}`, format, rules: [], unknown })),
);
/** Its rules take long to make ready. What it counts is kept apart by time: it forgets within a day. */
const judge = new Judge({ rules: [], agents: [] }, sources);
const FORGOTTEN_MS = 7 * 24 * 3600 * 1000;
let now = 0;

function judged(row: Row, format = row.format, unknown: JudgedSource['unknown'] = 'trip'): Judgement {
  const source = sources.find(({ name }) => name === `${format}-${unknown}`);
  if (source === undefined) throw new Error(format);
  const bytes = bytesOf(row);
  now += FORGOTTEN_MS;
  const body = { kind: 'whole', bytes, size: bytes.length } as const;
  return judge.judge(source, { body, header: headerOf(row), now, repeated: () => false });
}

/** The outcome in the words of the table; what is not wrong now, and what no rule is about, is told in its own. */
function outcomeOf(row: Row): Outcome {
  const judgement = judged(row);
  if (judgement.trip) return judgement.rule === undefined ? { unknown: true } : { trips: judgement.rule };
  const [rule = ''] = judgement.why.split(':');
  if (judgement.why.endsWith('Not yet too many.')) return { waits: rule };
  if (judgement.why.includes('But it was refused')) return { refused: rule };
  const { alerts } = FORMATS[row.format](JSON.parse(bytesOf(row).toString('utf8')), headerOf(row));
  return alerts.length === 0 ? { over: words(row.outcome) } : { none: words(row.outcome) };
}

const words = (outcome: Outcome): string => ('over' in outcome ? outcome.over : 'none' in outcome ? outcome.none : '');

test.each(ROWS)('$sample', (row) => {
  expect(outcomeOf(row)).toEqual(row.outcome);
});

test('every sample has a row, and every format a sample', () => {
  const there = readdirSync(new URL('samples/', import.meta.url))
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .filter((name) => !OTHERS.includes(name));
  expect(ROWS.map((row) => row.sample).sort()).toEqual(there.sort());
  expect([...new Set(ROWS.map((row) => row.format))].sort()).toEqual([...FORMAT_NAMES].sort());
});

test('every sample has an origin', () => {
  const sources = sample('SOURCES.md').toString('utf8');
  for (const { sample: name } of ROWS)
    expect([name, sources.includes(name) || name.endsWith('-resolved')]).toEqual([name, true]);
});

test('the documentation shows the same table', async () => {
  await expect(page(ROWS)).toMatchFileSnapshot('../../docs/alert-samples.md');
});

function page(rows: readonly Row[]): string {
  const lines = rows.map(({ sample: name, format, outcome }) => `| ${name} | \`${format}\` | ${told(outcome)} |`);
  return `# What the shipped rules make of real alerts

Each line is a body of \`test/alerts/samples\`, whose origin \`SOURCES.md\` there tells, sent to a source of that format that has no
rules of its own. A test sends them all and compares; another compares this page with what it found.

- **trips**: the rule named, at the first alert.
- *counted*: the rule named trips when there are too many.
- *refused*: the rule named is about it, but the platform did not let it happen, and no agent tried. An agent's attempt trips.
- *not understood*: the source's policy decides (\`unknown\`), and trips unless it is \`ignore\`.
- *not wrong now*: resolved, closed, or no alert at all. It neither trips nor resets.
- *no rule*: nothing in it says that something is destroyed.

| sample | format | outcome |
| --- | --- | --- |
${lines.join('\n')}
`;
}

function told(outcome: Outcome): string {
  if ('trips' in outcome) return `**trips**: \`${outcome.trips}\``;
  if ('waits' in outcome) return `*counted*: \`${outcome.waits}\``;
  if ('refused' in outcome) return `*refused*: \`${outcome.refused}\``;
  if ('unknown' in outcome) return '*not understood*';
  return 'over' in outcome ? `*not wrong now*: ${outcome.over}` : `*no rule*: ${outcome.none}`;
}

describe('the sample of one system at the format of another', () => {
  /** Formats that rightly understand a sample of another: the shape is the same. */
  const ALIKE: Readonly<Record<string, readonly string[]>> = {
    'alertmanager-v4-agent-destructive-firing': ['grafana'],
    'alertmanager-v4-agent-destructive-resolved': ['grafana'],
    'alertmanager-v4-firing-single': ['grafana'],
    'grafana-unified-firing-grouped-3': ['alertmanager'],
    // What the body of a CloudEvent in binary form holds is Falco's own event.
    'cloudevents-binary-headers-falcosidekick': ['falco'],
  };

  test.each(ROWS)('$sample', (row) => {
    const body: unknown = JSON.parse(bytesOf(row).toString('utf8'));
    const understood = FORMAT_NAMES.filter(
      (name) => name !== 'json' && FORMATS[name](body, headerOf(row)).unknown === undefined,
    );
    const own = row.format === 'json' || 'unknown' in row.outcome ? [] : [row.format];
    expect(understood.sort()).toEqual([...own, ...(ALIKE[row.sample] ?? [])].sort());
  });

  test('none of another trips at a source that ignores what it does not understand, unless a rule says so', () => {
    for (const row of ROWS)
      for (const format of FORMAT_NAMES) {
        const judgement = judged(row, format, 'ignore');
        if (judgement.trip)
          expect([row.sample, format, judgement.rule]).toEqual([row.sample, format, expect.any(String)]);
      }
  });
});
