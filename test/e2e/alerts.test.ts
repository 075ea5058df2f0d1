import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { freePort } from '../free-port.ts';
import { Appliance, NO_WINDOW } from './appliance.ts';

/** Alerts as real senders send them, over the real processes: the relay is on before, and off after. */

const TOKEN = 'a-token-of-monitoring-0123456789';
const HOOK = fileURLToPath(new URL('../../scripts/portcullis-git-hook', import.meta.url));

/** Debian's, where they are installed. */
const MONITORING = ['/usr/bin/prometheus', '/usr/bin/prometheus-alertmanager'].every(existsSync);

let appliance = new Appliance();
const started: ChildProcess[] = [];
afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await appliance.destroy();
});

async function connected(format: string): Promise<void> {
  appliance = new Appliance();
  const token = appliance.at('token');
  writeFileSync(token, TOKEN, { mode: 0o600 });
  await appliance.create({
    sources: [{ name: 'documents', kind: 'directory', path: appliance.folder('documents', 1, 10) }],
    windows: [NO_WINDOW],
    alerts: [{ name: 'sender', format, auth: { scheme: 'bearer', secrets: [{ file: token }] } }],
  });
  await appliance.start();
  await appliance.connect(60);
  expect(appliance.relay()).toBe('1');
}

/** Waits for the relay to drop; returns the cause the gate gives. */
async function tripped(): Promise<Record<string, unknown>> {
  await appliance.until('the relay drops', 40, () => (appliance.relay() === '0' ? true : undefined));
  return await appliance.until('the lockout is known', 10, async () => {
    const latch = (await appliance.status())?.gate?.view.latch;
    return latch?.kind === 'lockout' ? { ...latch.cause } : undefined;
  });
}

function start(program: string, ...args: string[]): void {
  started.push(spawn(program, args, { stdio: 'ignore' }));
}

test.skipIf(!MONITORING)(
  'Prometheus and Alertmanager, as Debian ships them, trip the gate',
  async () => {
    await connected('alertmanager');
    const [prometheus, alertmanager] = [await freePort(), await freePort()];
    const route = {
      route: { receiver: 'portcullis', group_wait: '0s', group_interval: '1s', repeat_interval: '1m' },
      receivers: [
        {
          name: 'portcullis',
          webhook_configs: [
            {
              url: `http://127.0.0.1:${appliance.intakePort}/alerts/sender`,
              http_config: { authorization: { credentials: TOKEN } },
            },
          ],
        },
      ],
    };
    const rules = {
      groups: [
        {
          name: 'agents',
          rules: [
            { alert: 'Watchdog', expr: 'vector(1)' },
            {
              alert: 'AgentDeletes',
              expr: 'vector(1)',
              labels: { airgap_action: 'drop', severity: 'info' },
              annotations: { summary: 'An agent deletes.' },
            },
          ],
        },
      ],
    };
    const scrape = {
      global: { evaluation_interval: '1s' },
      rule_files: [appliance.at('rules.yaml')],
      alerting: { alertmanagers: [{ static_configs: [{ targets: [`127.0.0.1:${alertmanager}`] }] }] },
    };
    writeFileSync(appliance.at('alertmanager.yaml'), JSON.stringify(route));
    writeFileSync(appliance.at('rules.yaml'), JSON.stringify(rules));
    writeFileSync(appliance.at('prometheus.yaml'), JSON.stringify(scrape));
    start(
      'prometheus-alertmanager',
      `--config.file=${appliance.at('alertmanager.yaml')}`,
      `--storage.path=${appliance.at('alertmanager')}`,
      `--web.listen-address=127.0.0.1:${alertmanager}`,
      '--cluster.listen-address=',
    );
    start(
      'prometheus',
      `--config.file=${appliance.at('prometheus.yaml')}`,
      `--storage.tsdb.path=${appliance.at('prometheus')}`,
      `--web.listen-address=127.0.0.1:${prometheus}`,
      // What it says before it has found Alertmanager is lost, and by default said again after a minute.
      '--rules.alert.resend-delay=1s',
    );
    expect(await tripped()).toMatchObject({ kind: 'alert', source: 'sender', rule: 'mark.drop' });
  },
  120_000,
);

test("falcosidekick's webhook trips the gate", async () => {
  await connected('falco');
  const event = {
    ...JSON.parse(
      readFileSync(new URL('../alerts/samples/falco-falcosidekick-input-error.json', import.meta.url), 'utf8'),
    ),
    rule: 'Remove Bulk Data from Disk',
    priority: 'Warning',
  };
  const answer = await fetch(`http://127.0.0.1:${appliance.intakePort}/alerts/sender`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify(event),
  });
  expect(answer.status).toBe(202);
  expect(await answer.json()).toMatchObject({ tripped: true });
  expect(await tripped()).toMatchObject({
    kind: 'alert',
    source: 'sender',
    rule: expect.stringMatching(/^(siem|host)\./),
  });
}, 60_000);

test('git push --force is refused by the hook, and has tripped the gate before it changed anything', async () => {
  await connected('tool-hook');
  const [origin, work] = [appliance.at('origin.git'), appliance.at('work')];
  await git('.', 'init', '--quiet', '--bare', '--initial-branch=main', origin);
  await git('.', 'clone', '--quiet', origin, work);
  await git(work, 'checkout', '--quiet', '-b', 'main');
  for (const message of ['first', 'second']) await git(work, 'commit', '--quiet', '--allow-empty', '-m', message);
  await git(work, 'push', '--quiet', 'origin', 'main');
  const hook = `${work}/.git/hooks/pre-push`;
  mkdirSync(`${work}/.git/hooks`, { recursive: true });
  writeFileSync(
    hook,
    `#!/bin/sh
export PORTCULLIS_URL=http://127.0.0.1:${appliance.intakePort}/tools/sender PORTCULLIS_TOKEN_FILE=${appliance.at('token')}
exec ${HOOK} pre-push "$@"
`,
  );
  chmodSync(hook, 0o755);
  const before = await git(origin, 'rev-parse', 'main');
  await git(work, 'commit', '--quiet', '--allow-empty', '-m', 'an ordinary push');
  await git(work, 'push', '--quiet', 'origin', 'main');
  expect(await git(origin, 'rev-parse', 'main')).not.toBe(before);
  expect(appliance.relay()).toBe('1');

  const whole = await git(origin, 'rev-parse', 'main');
  await git(work, 'reset', '--quiet', '--hard', 'HEAD~2');
  await expect(git(work, 'push', '--force', 'origin', 'main')).rejects.toThrow(/Portcullis denied this call/);
  expect(await git(origin, 'rev-parse', 'main')).toBe(whole);
  expect(await tripped()).toMatchObject({ kind: 'alert', source: 'sender' });
}, 60_000);

function git(directory: string, ...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const environment = {
      ...process.env,
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_AUTHOR_NAME: 'a',
      GIT_AUTHOR_EMAIL: 'a@example.org',
      GIT_COMMITTER_NAME: 'a',
      GIT_COMMITTER_EMAIL: 'a@example.org',
    };
    execFile('git', ['-C', directory, ...args], { env: environment }, (error, out, err) =>
      error === null ? resolve(out.trim()) : reject(new Error(`${error.message}\n${err}`)),
    );
  });
}
