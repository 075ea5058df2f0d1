/** The intake's process: `intake.js CONFIG`. Receives alerts, verifies, matches, trips. It can do nothing but trip. */
import { join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { secretsOf } from '../config/auth-secrets.ts';
import { loadConfig } from '../config/load.ts';
import { loadSecret } from '../config/secret.ts';
import { statePaths } from '../config/state.ts';
import { GateClient } from '../intake/gate-client.ts';
import { createIntake } from '../intake/intake.ts';
import { RecordsClient } from '../intake/records-client.ts';
import { SeenFile, seenStore } from '../intake/seen-file.ts';
import { live, processLog, type Running } from './process.ts';

const log = processLog('intake');

async function start(): Promise<Running> {
  const config = await loadConfig(process.argv[2] ?? '');
  const { appliance, intake: settings } = config;
  const gate = new GateClient(join(appliance.runtime, 'trip'), systemClock, log);
  const records = new RecordsClient(join(appliance.runtime, 'records'), systemClock, log);
  // systemd gives this process a directory of its own; what else is in the appliance's is nothing to it.
  const state = process.env['STATE_DIRECTORY'] ?? statePaths(config).intake;
  const seen = new SeenFile(seenStore(join(state, 'seen')), systemClock, log);
  const sources = settings.sources.map((source) => ({
    ...source,
    auth: { ...source.auth, secrets: secretsOf(source.auth).map((reference) => loadSecret(reference, process.env)) },
  }));
  const intake = createIntake({
    sources,
    maxBody: settings.maxBody,
    rules: settings.rules,
    agents: settings.agents,
    ...(settings.tls === undefined ? {} : { tls: settings.tls }),
    gate,
    clock: systemClock,
    log,
    seen,
    record: (delivery) => records.record(delivery),
  });
  intake.rehearse();
  gate.start();
  records.start();
  await seen.start();
  const port = await intake.start(settings.host, settings.port);
  log.info('listening', { host: settings.host, port });
  return {
    async stop() {
      await intake.stop();
      await seen.stop();
      gate.stop();
      records.stop();
    },
  };
}

await live(log, start);
