import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { Judge } from '../../daemon/alerts/judge.ts';
import { alertRuleFault } from '../../daemon/alerts/rule-set.ts';
import { readConfig } from '../../daemon/config/read.ts';
import { type AlertSource, type Config, configSchema, FORMATS } from '../../daemon/config/schema.ts';
import { secretFault } from '../../daemon/intake/schemes.ts';
import { ROWS } from '../alerts/samples/expected.ts';
import { SOUND } from '../config/samples.ts';
import { sampleJson } from '../intake/helpers.ts';

/** docs/integrations/ is pasted from, at night: what it shows is what the box takes. */
const FOLDER = fileURLToPath(new URL('../../docs/integrations/', import.meta.url));
const PAGES = readdirSync(FOLDER)
  .filter((name) => name !== 'README.md')
  .sort();
const textOf = (page: string) => readFileSync(join(FOLDER, page), 'utf8');
const everything = ['README.md', ...PAGES];

/** The fenced blocks in `language`, without the indentation of a list around them. */
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^\1```$/gm)]
    .filter(([, , of]) => of === language)
    .map(([, indent = '', , block = '']) => block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''));
const MARK = '# portcullis.yaml\n';
const ours = (page: string) => blocks(textOf(page), 'yaml').filter((block) => block.startsWith(MARK));

const keys = (file: string) => sampleJson(file) as unknown as Record<string, Record<'certificate' | 'key', string>>;
const TLS = keys('tls-test-keys.json');
const [SNS] = (sampleJson('sns-test-keys.json') as { pairs: { certificate: string }[] }).pairs;
const WHSEC = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

function secretOf({ scheme }: AlertSource['auth']): string {
  if (scheme === 'standard-webhooks' || scheme === 'gitlab') return WHSEC;
  return scheme === 'aws-sns' ? (SNS?.certificate ?? '') : 'ab'.repeat(32);
}

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'integrations-'));
  writeFileSync(join(directory, 'intake.pem'), TLS['server']?.certificate ?? '');
  writeFileSync(join(directory, 'intake.key'), TLS['server']?.key ?? '', { mode: 0o600 });
  writeFileSync(join(directory, 'senders.pem'), TLS['authority']?.certificate ?? '');
});

afterAll(() => rmSync(directory, { recursive: true }));

/** What the real loader makes of a block, within a sound configuration, with secrets where it says that they are. */
function load(block: string): Config['intake'] {
  const { intake } = parse(block) as { intake: { sources?: AlertSource[] } };
  for (const { auth } of intake.sources ?? [])
    for (const secret of 'secrets' in auth ? auth.secrets : [])
      if ('file' in secret) writeFileSync(join(directory, secret.file), secretOf(auth), { mode: 0o600 });
  const text = SOUND.slice(0, SOUND.indexOf('intake:')) + block;
  const network = { addresses: {}, defaultRoutes: [], timeServers: [], unknown: [] };
  const around = { wall: Date.parse('2026-04-25'), environment: {}, secretFault, alertRuleFault, network };
  const reading = readConfig(Buffer.from(text), directory, around);
  if (!reading.ok) throw new Error(JSON.stringify(reading.faults, undefined, 1));
  return reading.config.intake;
}

test('a page is there for each of the systems, and the table shows them all', () => {
  const table = textOf('README.md');
  expect(PAGES.length).toBeGreaterThan(25);
  expect(PAGES.filter((page) => !table.includes(`](${page})`))).toEqual([]);
});

test('every format and every scheme is shown on a page, in YAML, and in the table', () => {
  const table = textOf('README.md');
  const sources = PAGES.flatMap(ours).flatMap((block) => load(block).sources);
  const schemes = configSchema.shape.intake
    .unwrap()
    .shape.sources.unwrap()
    .element.shape.auth.options.map((option) => [...option.shape.scheme.values]);
  expect([...new Set(sources.map(({ format }) => format))].sort()).toEqual([...FORMATS].sort());
  expect([...new Set(sources.map(({ auth }) => auth.scheme))].sort()).toEqual(schemes.flat().sort());
  for (const { format, auth } of sources) {
    expect(table).toContain(`\`${format}\``);
    expect(table).toContain(`\`${auth.scheme}\``);
  }
});

test("what is the box's own is marked, and nothing else is", () => {
  for (const page of everything)
    for (const block of blocks(textOf(page), 'yaml'))
      expect([page, /^intake:|\bauth: \{? ?scheme:/m.test(block)]).toEqual([page, block.startsWith(MARK)]);
});

describe.each(everything)('%s', (page) => {
  const text = textOf(page);

  test('its configuration is accepted', () => {
    expect(ours(page).length).toBeGreaterThan(0);
    for (const block of ours(page)) expect(() => load(block), block).not.toThrow();
  });

  test('its JSON and YAML parse', () => {
    for (const block of blocks(text, 'json')) expect(() => JSON.parse(block), block).not.toThrow();
    for (const block of blocks(text, 'yaml')) expect(() => parse(block), block).not.toThrow();
  });

  test('its links lead somewhere', () => {
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [file = '', anchor] = target.split('#');
      const path = file === '' ? join(FOLDER, page) : join(FOLDER, file);
      expect([target, existsSync(path)]).toEqual([target, true]);
      if (anchor !== undefined) expect([target, anchorsOf(path).includes(anchor)]).toEqual([target, true]);
    }
  });
});

/** As GitHub makes them. */
function anchorsOf(path: string): string[] {
  return [...readFileSync(path, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** What a page says of a body: the rule that trips, a trip without one, or none. */
interface Claim {
  readonly body: Buffer;
  readonly header: Readonly<Record<string, string>>;
  readonly format: AlertSource['format'] | undefined;
  readonly told: string;
  readonly says: { readonly trip: boolean; readonly rule?: string | undefined };
}

function claims(text: string): Claim[] {
  const samples = [...text.matchAll(/^- `([\w.-]+)` (trips|does not trip)(?: `([\w.-]+)`)?/gm)].map(
    ([told, name = '', verdict, rule]): Claim => {
      const row = ROWS.find(({ sample }) => sample === name);
      if (row === undefined) throw new Error(`No sample ${name}`);
      const { _body: wrapped, ...whole } = sampleJson(`${name}.json`);
      const body = Buffer.from(JSON.stringify(wrapped ?? whole));
      return { body, header: row.headers ?? {}, format: row.format, told, says: { trip: verdict === 'trips', rule } };
    },
  );
  const bodies = [
    ...text.matchAll(/this (trips|does not trip)(?: `([\w.-]+)`)?[^:\n]*:\n\n```json\n([\s\S]*?)^```$/gm),
  ].map(
    ([told, verdict, rule, body = '']): Claim => ({
      body: Buffer.from(body),
      header: {},
      format: undefined,
      told,
      says: { trip: verdict === 'trips', rule },
    }),
  );
  return [...samples, ...bodies];
}

describe.each(PAGES)('%s', (page) => {
  const text = textOf(page);

  test('it has its sections, and names what it was checked against', () => {
    const sections = [...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title);
    expect(sections).toEqual(expect.arrayContaining(['Settings', 'What it cannot do', 'Heartbeat', 'Judged', 'Read']));
    expect(text.split('## Read\n')[1]).toMatch(/^\n- https:\/\//);
    expect(text).toContain('- **Proves**: ');
    expect(text).toMatch(/^- \*\*Latency\*\*|^## How long it takes$/m);
  });

  test('what it says of bodies is what its configuration makes of them', () => {
    const all = claims(text);
    expect(all.length).toBeGreaterThan(0);
    expect(all.filter(({ format }) => format === undefined)).toHaveLength(text.split('\nSent to it, ').length - 1);
    const judged = ours(page)
      .map(load)
      .flatMap((intake) => {
        const judge = new Judge(intake, intake.sources);
        return intake.sources.map((source) => ({ source, judge }));
      });
    let now = 0;
    for (const { body, header, format, told, says } of all) {
      const by = judged.find(({ source }) => (format ?? source.format) === source.format);
      if (by === undefined) throw new Error(`${told}: no source of ${format}`);
      // What the judge has counted, it has forgotten by then.
      now += 7 * 24 * 3600 * 1000;
      const judgement = by.judge.judge(by.source, {
        body: { kind: 'whole', bytes: body },
        header: (name) => header[name],
        now,
        repeated: () => false,
      });
      const rule = judgement.trip ? judgement.rule : undefined;
      expect([told, judgement.trip, rule], JSON.stringify(judgement)).toEqual([told, says.trip, says.rule]);
    }
  });
});

test('the script for Zabbix makes the body that its page shows', () => {
  const [script = ''] = blocks(textOf('zabbix.md'), 'js');
  const [body = ''] = blocks(textOf('zabbix.md'), 'json');
  const shown = JSON.parse(body);
  const sent: unknown[] = [];
  class HttpRequest {
    addHeader(header: string) {
      sent.push(header);
    }
    post(url: string, data: string) {
      sent.push(url, JSON.parse(data));
    }
    getStatus = () => 202;
  }
  const value = JSON.stringify({
    ...shown,
    event_tags: JSON.stringify(shown.event_tags),
    token: 'T',
    url: 'https://portcullis.example.org/x',
  });
  expect(runInNewContext(`(function () {${script}})()`, { value, HttpRequest, JSON })).toBe('OK');
  expect(sent).toEqual(['Content-Type: application/json', 'Authorization: Bearer T', expect.any(String), shown]);
});

test('no secret stands in the pages', () => {
  for (const page of everything) expect(textOf(page)).not.toMatch(/whsec_[A-Za-z0-9+/]{20}|\b[0-9a-f]{64}\b/);
});
