import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, test } from 'vitest';
import { freePort } from '../free-port.ts';
import { Appliance, NO_WINDOW } from './appliance.ts';

const RULES = fileURLToPath(new URL('../../docs/monitoring/alerts.yml', import.meta.url));

const appliance = new Appliance();
let prometheus: ChildProcess | undefined;
afterEach(async () => {
  if (prometheus !== undefined && prometheus.exitCode === null) {
    prometheus.kill('SIGKILL');
    await once(prometheus, 'exit');
  }
  await appliance.destroy();
});

test.skipIf(!existsSync('/usr/bin/prometheus'))(
  'a real Prometheus scrapes the appliance, and the shipped rules fire on a trip',
  async () => {
    await appliance.create({
      sources: [{ name: 'documents', kind: 'directory', path: appliance.folder('documents', 1, 10) }],
      windows: [NO_WINDOW],
    });
    await appliance.start();
    const port = await freePort();
    const config = {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      scrape_configs: [{ job_name: 'portcullis', static_configs: [{ targets: [`127.0.0.1:${appliance.pagePort}`] }] }],
      rule_files: [RULES],
    };
    writeFileSync(appliance.at('prometheus.yaml'), JSON.stringify(config));
    const args = [`--config.file=${appliance.at('prometheus.yaml')}`, `--storage.tsdb.path=${appliance.at('tsdb')}`];
    prometheus = spawn('prometheus', [...args, `--web.listen-address=127.0.0.1:${port}`], { stdio: 'ignore' });
    const ask = async (query: string): Promise<string[]> => {
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`).catch(
        () => undefined,
      );
      if (answer?.ok !== true) return [];
      const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
      return data.result.map(({ value }) => value[1]);
    };
    const sees = (query: string, value: string) =>
      appliance.until(`${query} is ${value}`, 60, async () => ((await ask(query)).includes(value) ? true : undefined));
    await sees('up{job="portcullis"}', '1');
    await sees('portcullis_gate_state{state="isolated"}', '1');
    await sees('portcullis_gate_up', '1');
    await appliance.alert('destroy');
    await sees('portcullis_alerts_total{source="siem",outcome="tripped"}', '1');
    await sees('count(ALERTS{alertname="PortcullisLockout",alertstate="firing"})', '1');
  },
  120_000,
);
