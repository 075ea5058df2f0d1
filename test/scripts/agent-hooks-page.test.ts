import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Box, DENY, NONE, startBox, TOKEN } from './box.ts';

const PAGE = readFileSync(new URL('../../docs/integrations/agent-hooks.md', import.meta.url), 'utf8');
const blocks = (language: string) =>
  [...PAGE.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].filter(([, of]) => of === language).map(([, , text = '']) => text);

let directory: string;
let box: Box;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'agent-hooks-'));
  box = await startBox();
});

afterAll(async () => {
  await box.close();
  rmSync(directory, { recursive: true });
});

test('every settings snippet is JSON', () => {
  expect(blocks('json').length).toBeGreaterThan(8);
  for (const text of blocks('json')) expect(() => JSON.parse(text), text).not.toThrow();
});

test('the plugin for opencode asks, and refuses what is denied or could not be asked about', async () => {
  const [text = ''] = blocks('js');
  const token = join(directory, 'token');
  const file = join(directory, 'portcullis.mjs');
  writeFileSync(token, `${TOKEN}\n`);
  writeFileSync(
    file,
    text.replace('https://box:8642/tools/NAME', box.url).replace('/etc/portcullis-agent/token', token),
  );
  const { Portcullis } = (await import(pathToFileURL(file).href)) as {
    Portcullis(context: object): Promise<Record<string, (input: object, output: object) => Promise<void>>>;
  };
  const before = (await Portcullis({ directory: '/repo' }))['tool.execute.before'];
  const call = (tool: string) => before?.({ tool, sessionID: 's', callID: 'c' }, { args: { command: 'ls' } });

  await call('bash');
  expect(box.asked).toMatchObject([{ path: '/tools/agent', headers: { authorization: `Bearer ${TOKEN}` } }]);
  expect(JSON.parse(box.asked[0]?.body ?? '')).toEqual({
    tool: 'bash',
    input: { command: 'ls' },
    session: 's',
    cwd: '/repo',
  });
  await call('read');
  expect(box.asked).toHaveLength(1);
  for (const reply of [DENY, { status: 401 }, { ...NONE, headers: {} }]) {
    box.reply = reply;
    await expect(call('bash')).rejects.toThrow();
  }
});
