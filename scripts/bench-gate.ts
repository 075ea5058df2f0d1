/**
 * How fast a trip is and what the processes weigh, over the real processes and the simulated board, on this machine:
 * `npm run bench`. Shows, asserts nothing.
 */
import { readFileSync } from 'node:fs';
import { arch, cpus } from 'node:os';
import { systemClock } from '../daemon/base/clock.ts';
import { openLines } from '../daemon/base/lines.ts';
import { connectUnix } from '../daemon/base/listen.ts';
import { type TripRequest, tripAnswer } from '../daemon/base/protocol.ts';
import { Appliance, NO_WINDOW } from '../test/e2e/appliance.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 50);

interface Times {
  /** Until the gate had given the command, by its own clock, which is this one's. */
  readonly commanded: number;
  /** Until the board, a process of its own, shows the relay off. */
  readonly off: number;
}

const appliance = new Appliance();
try {
  const documents = appliance.folder('documents', 3, 1000);
  await appliance.create({
    sources: [{ name: 'documents', kind: 'directory', path: documents }],
    windows: [NO_WINDOW],
    gate: { maxConnections: 1440 },
  });
  const began = performance.now();
  await appliance.start();
  const startMs = performance.now() - began;

  const trips: Times[] = [];
  for (let round = 0; round < ROUNDS; round += 1) trips.push(await measure(tripped));
  const alerts: Times[] = [];
  for (let round = 0; round < ROUNDS; round += 1) alerts.push(await measure(alerted));

  console.log(`${cpus().length} × ${cpus()[0]?.model ?? arch()}, Node ${process.versions.node}, ${ROUNDS} rounds each`);
  console.table({
    'trip written to the gate’s socket → commanded': spread(trips.map(({ commanded }) => commanded)),
    '… → the board’s relay is off': spread(trips.map(({ off }) => off)),
    'signed alert posted → the board’s relay is off': spread(alerts.map(({ off }) => off)),
  });
  const weights = ['portcullis', 'gate', 'intake', 'keeper'].map((name) => [name, { 'RSS MiB': weight(name) }]);
  console.table(Object.fromEntries(weights));
  console.log(`from \`portcullis run\` until the gate answers through the keeper: ${startMs.toFixed(0)} ms`);
} finally {
  await appliance.destroy();
}

/** One connection, ended by `act`, and out of the lockout again. */
async function measure(act: () => Promise<number>): Promise<Times> {
  await appliance.connect(60);
  const from = systemClock.monotonic();
  const acted = act();
  while (appliance.relay() !== '0') await new Promise(setImmediate);
  const off = systemClock.monotonic() - from;
  const commanded = (await acted) - from;
  const reset = appliance.cli('reset', '--reason', 'bench');
  await appliance.until('the reset is announced', 10, async () =>
    (await appliance.status())?.gate?.view.presence.kind === 'pending' ? true : undefined,
  );
  await appliance.press(300);
  if ((await reset).code !== 0) throw new Error('the gate was not reset');
  return { commanded, off };
}

async function tripped(): Promise<number> {
  const socket = await connectUnix(appliance.at('run', 'trip'));
  return new Promise((resolve, reject) => {
    const lines = openLines<ReturnType<typeof tripAnswer>, TripRequest>(socket, tripAnswer, {
      message: ({ commandedAt }) => {
        resolve(commandedAt);
        lines.close();
      },
      closed: (reason) => reject(new Error(reason)),
    });
    lines.send({ type: 'trip', id: 1, cause: { kind: 'command', reason: 'bench' } });
  });
}

async function alerted(): Promise<number> {
  const { status } = await appliance.alert('destroy');
  if (status !== 202) throw new Error(`the alert was answered with ${status}`);
  return systemClock.monotonic();
}

function spread(values: readonly number[]): Record<string, string> {
  const sorted = values.toSorted((a, b) => a - b);
  const ms = (value: number | undefined) => `${(value ?? Number.NaN).toFixed(2)} ms`;
  return { first: ms(values[0]), median: ms(sorted[Math.floor(sorted.length / 2)]), worst: ms(sorted.at(-1)) };
}

function weight(name: string): string {
  const sizes = appliance.processes(name).map((pid) => readFileSync(`/proc/${pid}/status`, 'utf8'));
  const kib = sizes.map((status) => Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]));
  return (kib.reduce((sum, size) => sum + size, 0) / 1024).toFixed(0);
}
