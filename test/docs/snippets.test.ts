import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Secret } from '../../daemon/base/secret.ts';
import type { IntakeSource } from '../../daemon/intake/ports.ts';
import { authenticatorOf } from '../../daemon/intake/schemes.ts';
import { detector, WHSEC } from '../intake/helpers.ts';
import { type Box, run, startBox } from '../scripts/box.ts';

/** Programs on the pages of docs/integrations/, run against what stands for the box. */
let directory: string;
let box: Box;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'snippets-'));
  box = await startBox();
});

afterEach(async () => {
  await box.close();
  rmSync(directory, { recursive: true });
});

/** The first block in `language` of a page that holds `part`, with other addresses and paths. */
function snippet(page: string, language: string, part: string, replaced: Readonly<Record<string, string>>): string {
  const text = readFileSync(new URL(`../../docs/integrations/${page}`, import.meta.url), 'utf8');
  const found = [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].find(
    ([, of, block]) => of === language && block?.includes(part),
  );
  return Object.entries(replaced).reduce((block, [from, to]) => {
    if (!block.includes(from)) throw new Error(`${page}: ${from} is not in it`);
    return block.replaceAll(from, to);
  }, found?.[2] ?? '');
}

function verdict(auth: IntakeSource['auth']): unknown {
  const [asked] = box.asked;
  const head = Object.entries(asked?.headers ?? {}).flat();
  const attempt = authenticatorOf({ ...detector, auth })(head.map(String), Date.now());
  if (attempt.kind !== 'signed') return attempt;
  attempt.update(Buffer.from(asked?.body ?? ''));
  return attempt.verdict();
}

test('what sends an event by Standard Webhooks', async () => {
  writeFileSync(join(directory, 'secret'), `${WHSEC}\n`);
  const shell = snippet('standard-webhooks.md', 'sh', 'curl', {
    'https://portcullis.example.org:8642/alerts/detector': box.url,
    '/etc/detector.secret': join(directory, 'secret'),
  });
  expect(await run('bash', ['-euc', shell])).toMatchObject({ code: 0 });
  const secrets = [Secret.fromText(WHSEC)];
  expect(verdict({ scheme: 'standard-webhooks', secrets, tolerance: '5m' })).toMatchObject({ authentic: true });
});

test('what beats for PagerDuty', async () => {
  const secret = 'k'.repeat(48);
  writeFileSync(join(directory, 'secret'), `${secret}\n`);
  const shell = snippet('pagerduty.md', 'sh', 'curl', {
    'https://portcullis.example.org:8642/heartbeat/pagerduty': box.url,
    '/etc/portcullis-pagerduty.secret': join(directory, 'secret'),
  });
  expect(await run('bash', ['-euc', shell])).toMatchObject({ code: 0 });
  expect(verdict({ scheme: 'pagerduty', secrets: [Secret.fromText(secret)] })).toMatchObject({ authentic: true });
});

/** What the add-on needs of mitmproxy, and one request through it. */
const MITMPROXY = `class Response:
    @staticmethod
    def make(code, body):
        return code
class http:
    HTTPFlow = object
    Response = Response
`;
const REQUEST = `import sys, types
import portcullis
asked = types.SimpleNamespace(method=sys.argv[1], pretty_url="https://api.example.org/x", get_text=lambda strict: "{}")
flow = types.SimpleNamespace(request=asked, response=None)
portcullis.request(flow)
print(flow.response)
`;

test('the proxy asks about writes, and refuses what trips or could not be asked about', async () => {
  mkdirSync(join(directory, 'mitmproxy'));
  writeFileSync(join(directory, 'mitmproxy', '__init__.py'), MITMPROXY);
  writeFileSync(join(directory, 'request.py'), REQUEST);
  const addOn = snippet('railway-neon-supabase.md', 'python', 'def request', {
    'https://portcullis.example.org:8642/alerts/proxy': box.url,
  });
  writeFileSync(join(directory, 'portcullis.py'), addOn);
  const env = { PORTCULLIS_TOKEN: 'T', PYTHONDONTWRITEBYTECODE: '1' };
  const through = async (method: string) =>
    (await run('python3', [join(directory, 'request.py'), method], { env })).stdout;

  box.reply = { status: 202, body: '{"tripped":true,"latencyMs":1}' };
  expect(await through('POST')).toBe('403\n');
  expect(box.asked[0]).toMatchObject({ headers: { authorization: 'Bearer T' } });
  expect(JSON.parse(box.asked[0]?.body ?? '')).toEqual({
    method: 'POST',
    url: 'https://api.example.org/x',
    body: '{}',
  });
  box.reply = { status: 202, body: '{"tripped":false}' };
  expect(await through('DELETE')).toBe('None\n');
  expect(await through('GET')).toBe('None\n');
  expect(box.asked).toHaveLength(2);
  for (const status of [401, 503]) {
    box.reply = { status };
    expect(await through('PUT')).toBe('503\n');
  }
});
