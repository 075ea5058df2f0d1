import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Box, DENY, type Ended, NONE, run, script, startBox, TOKEN } from './box.ts';

// On two lines, for not a byte of it may be changed.
const QUESTION = '{\r\n"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"command":"ls \\"ä\\n\\""}}';

let directory: string;
let tokenFile: string;
let box: Box;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tool-hook-'));
  tokenFile = join(directory, 'token');
  writeFileSync(tokenFile, `${TOKEN}\n`);
  box = await startBox();
});

afterEach(async () => {
  await box.close();
  rmSync(directory, { recursive: true });
});

const ask = (env: Record<string, string> = {}, stdin = QUESTION): Promise<Ended> =>
  run(script('portcullis-tool-hook'), [], {
    stdin,
    // A busy machine must not look like a box that does not answer.
    env: { PORTCULLIS_URL: box.url, PORTCULLIS_TOKEN_FILE: tokenFile, PORTCULLIS_TIMEOUT: '25', ...env },
  });

describe('the question', () => {
  test('arrives as it came, with the token of the file', async () => {
    await ask();
    expect(box.asked).toMatchObject([{ method: 'POST', path: '/tools/agent', body: QUESTION }]);
    expect(box.asked[0]?.headers).toMatchObject({
      authorization: `Bearer ${TOKEN}`,
      'content-type': 'application/json',
    });
  });

  test('may be large, and is not kept waiting for a go-ahead', async () => {
    const large = JSON.stringify({ tool: 'Write', input: 'x'.repeat(3 << 20) });
    expect(await ask({}, large)).toMatchObject({ code: 0 });
    expect(box.asked[0]?.body).toBe(large);
    expect(box.asked[0]?.headers.expect).toBeUndefined();
  });

  test.each([
    ['without a line end', TOKEN],
    ['with that of another system', `${TOKEN}\r\n`],
    ['with more lines', `${TOKEN}\nthe old one\n`],
  ])('takes a token %s', async (_how, content) => {
    writeFileSync(tokenFile, content);
    await ask();
    expect(box.asked[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`);
  });

  test('is sent nowhere else by a .curlrc or a proxy of the environment', async () => {
    writeFileSync(join(directory, '.curlrc'), 'url = "http://127.0.0.1:1/"\nheader = "X-Planted: yes"\n');
    const elsewhere = 'http://127.0.0.1:1';
    const env = { HOME: directory, CURL_HOME: directory, http_proxy: elsewhere, all_proxy: elsewhere };
    expect(await ask(env)).toMatchObject({ code: 0 });
    expect(box.asked[0]?.headers['x-planted']).toBeUndefined();
  });

  test('never shows the token in the arguments of a program', async () => {
    // Stands for curl, and keeps what every user of the machine could have read in the list of processes.
    const seen = join(directory, 'seen');
    writeFileSync(join(directory, 'curl'), `#!/bin/sh\nprintf '%s\\n' "$@" >${seen}\nenv >>${seen}\n`, { mode: 0o755 });
    await ask({ PATH: `${directory}:${process.env['PATH']}` });
    const text = execFileSync('cat', [seen], { encoding: 'utf8' });
    expect(text).toContain(box.url);
    expect(text).not.toContain(TOKEN.slice(0, 20));
  });
});

describe('the answer', () => {
  test('without objection is printed, and the call goes on', async () => {
    box.reply = { ...NONE, body: '{"cancel":false}' };
    expect(await ask()).toEqual({ code: 0, stdout: '{"cancel":false}', stderr: '' });
  });

  test('without a body prints nothing', async () => {
    box.reply = { status: 200, headers: NONE.headers };
    expect(await ask()).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('that denies is printed, said, and refuses the call', async () => {
    box.reply = DENY;
    expect(await ask()).toEqual({
      code: 2,
      stdout: DENY.body,
      stderr: `portcullis-tool-hook: Portcullis denied this call: ${DENY.body}\n`,
    });
  });

  test('denies whatever its status is', async () => {
    box.reply = { ...DENY, status: 503 };
    expect(await ask()).toMatchObject({ code: 2, stdout: DENY.body });
  });

  test('does not mistake its body for the decision', async () => {
    const body = '\r\nportcullis-decision: none\r\n\r\n{}';
    box.reply = { ...DENY, body };
    expect(await ask()).toMatchObject({ code: 2, stdout: body });
    box.reply = { status: 200, body };
    expect(await ask()).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('a box that gives no decision', () => {
  const refusal = /could not be asked, so the call is denied: .*\n.*PORTCULLIS_WHEN_UNREACHABLE=allow/;
  const permitted = { PORTCULLIS_WHEN_UNREACHABLE: 'allow' };

  async function closedPort(): Promise<string> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    return `http://127.0.0.1:${port}/tools/agent`;
  }

  const cases: [string, (env: Record<string, string>) => Promise<Ended>, RegExp][] = [
    ['nobody listens', async (env) => ask({ PORTCULLIS_URL: await closedPort(), ...env }), /curl: \(7\)/],
    [
      'it does not answer in time',
      (env) => {
        box.reply = 'silence';
        return ask({ PORTCULLIS_TIMEOUT: '0.2', ...env });
      },
      /curl: \(28\)/,
    ],
    ['it refuses the token', (env) => replying({ status: 401 }, env), /answered HTTP\/1\.1 401 /],
    ['it is another server', (env) => replying({ status: 200, body: '<html>' }, env), /answered HTTP\/1\.1 200 /],
    [
      'it says something new',
      (env) => replying({ status: 200, headers: { 'portcullis-decision': 'denyish' } }, env),
      /no decision/,
    ],
    ['it sends it elsewhere', (env) => replying({ status: 307, headers: { location: box.url } }, env), / 307 /],
    [
      'its certificate is unknown',
      (env) => ask({ PORTCULLIS_URL: box.url.replace('http:', 'https:'), ...env }),
      /curl: /,
    ],
    ['the URL is no web address', (env) => ask({ PORTCULLIS_URL: `file://${tokenFile}`, ...env }), /curl: /],
    ['there is no URL', (env) => ask({ PORTCULLIS_URL: '', ...env }), /PORTCULLIS_URL is not set/],
    ['there is no token', (env) => ask({ PORTCULLIS_TOKEN_FILE: '', ...env }), /PORTCULLIS_TOKEN_FILE is not set/],
    ['the token is gone', (env) => ask({ PORTCULLIS_TOKEN_FILE: `${tokenFile}.x`, ...env }), /cannot be read/],
    [
      'the token is empty',
      (env) => {
        writeFileSync(tokenFile, '\n');
        return ask(env);
      },
      /is empty/,
    ],
    ['there is no curl', (env) => ask({ PATH: withoutCurl(), ...env }), /curl/],
  ];

  function replying(reply: Box['reply'], env: Record<string, string>): Promise<Ended> {
    box.reply = reply;
    return ask(env);
  }

  /** Holds what the script itself needs. */
  function withoutCurl(): string {
    execFileSync('ln', ['-s', '/bin/sh', join(directory, 'sh')]);
    return directory;
  }

  test.each(cases)('denies by default: %s', async (_name, attempt, why) => {
    const { code, stdout, stderr } = await attempt({});
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(refusal);
    expect(stderr).toMatch(why);
    expect(stderr).not.toContain(TOKEN.slice(0, 20));
  });

  test.each(cases)('lets the call run if that was chosen, and says so: %s', async (_name, attempt, why) => {
    const { code, stdout, stderr } = await attempt(permitted);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toMatch(/goes on, as was configured/);
    expect(stderr).toMatch(why);
  });

  test('denies if what was chosen is not understood', async () => {
    box.reply = { status: 401 };
    expect(await ask({ PORTCULLIS_WHEN_UNREACHABLE: 'Allow' })).toMatchObject({ code: 2 });
  });

  test('a denial stays one, whatever was chosen for that', async () => {
    box.reply = DENY;
    expect(await ask(permitted)).toMatchObject({ code: 2 });
  });
});
