import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Variable } from '../../daemon/forges/view.ts';
import { apiCalls, type CallsTo } from '../../daemon/restore/calls.ts';

const SECRET = 'recognisable-0123456789';
const VALUE = `it's "${SECRET}" $(id) \`id\`\nEND\n\\n é`;

describe('the calls', () => {
  let folder: string;
  const asked: { method: string; url: string; body: string; headers: IncomingMessage['headers']; argv: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString('utf8');
    });
    request.on('end', () => {
      void curlArguments().then((argv) => {
        asked.push({ method: request.method ?? '', url: request.url ?? '', body, headers: request.headers, argv });
        response.statusCode = 201;
        response.end();
      });
    });
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portcullis-calls-'));
    asked.length = 0;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true, force: true });
  });

  /** Arguments and environment of every curl that runs now in this test's folder. */
  async function curlArguments(): Promise<string> {
    const { readdir } = await import('node:fs/promises');
    const seen: string[] = [];
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const read = (file: string) => readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '');
      const command = await read('cmdline');
      if (command.startsWith('curl')) seen.push(command + (await read('environ')));
    }
    return seen.join('\n');
  }

  async function run(variables: readonly Variable[], to: Omit<CallsTo, 'url'>): Promise<void> {
    const { port } = server.address() as AddressInfo;
    const script = join(folder, 'calls.sh');
    await writeFile(script, apiCalls(variables, { ...to, url: `http://127.0.0.1:${port}` }));
    await writeFile(join(folder, 'auth'), 'Authorization: Bearer tok_recognisable\n');
    const env = { PATH: process.env['PATH'], FORGE_AUTH: join(folder, 'auth') };
    await promisify(execFile)('sh', [script], { env });
  }

  const variables: Variable[] = [
    { name: 'A', value: VALUE },
    { name: 'B', value: 'b', environment: 'prod/eu', protected: true, file: true },
    { name: 'C' },
  ];

  it.each([
    ['github', 'acme/app', ['/repos/acme/app/actions/variables', '/repos/acme/app/environments/prod%2Feu/variables']],
    ['github', undefined, ['/orgs/acme/actions/variables', '/orgs/acme/actions/variables']],
    [
      'gitlab',
      'acme/sub/app',
      ['/api/v4/projects/acme%2Fsub%2Fapp/variables', '/api/v4/projects/acme%2Fsub%2Fapp/variables'],
    ],
    ['gitlab', undefined, ['/api/v4/groups/acme/variables', '/api/v4/groups/acme/variables']],
    ['gitea', 'acme/app', ['/api/v1/repos/acme/app/actions/variables/A', '/api/v1/repos/acme/app/actions/variables/B']],
    ['gitea', undefined, ['/api/v1/orgs/acme/actions/variables/A', '/api/v1/orgs/acme/actions/variables/B']],
  ] as const)(
    'of %s, %s: arrive as they were, and nothing secret is in the process list',
    async (kind, repository, urls) => {
      await run(variables, { kind, repository, owner: 'acme' });
      expect(asked.map(({ url }) => url)).toEqual(urls);
      const [first, second] = asked.map(({ body }) => JSON.parse(body));
      expect(first.value).toBe(VALUE);
      if (kind === 'gitlab')
        expect(second).toMatchObject({
          key: 'B',
          environment_scope: 'prod/eu',
          protected: true,
          variable_type: 'file',
        });
      for (const { method, headers, argv } of asked) {
        expect(method).toBe('POST');
        expect(headers.authorization).toBe('Bearer tok_recognisable');
        expect(argv).toContain('curl');
        expect(argv).not.toContain(SECRET);
        expect(argv).not.toContain('tok_recognisable');
      }
    },
  );

  it('names of files and hosts reach no shell', async () => {
    const to = { kind: 'github', repository: "a'$(id)/b\nid", owner: '', url: "https://x'}$(id)" } as const;
    const script = apiCalls([{ name: 'X\nid', value: 'x' }, { name: 'Y\nid' }], to);
    const path = join(folder, 'calls.sh');
    await writeFile(path, script.replace('curl --silent', 'printf %s\\n "$FORGE_URL$2"; : curl'));
    const env = { PATH: process.env['PATH'], FORGE_AUTH: '/dev/null' };
    const { stdout } = await promisify(execFile)('sh', [path], { env });
    expect(stdout).not.toContain('uid=');
  });
});
