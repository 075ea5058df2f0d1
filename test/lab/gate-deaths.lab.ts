import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HEARTBEAT } from './bench.ts';
import { DRIVERS, type Unit } from './box.ts';
import { Peers } from './peers.ts';
import { ended, labRig, sim } from './rig.ts';
import { ROUNDS } from './rounds.ts';
import { figures, row, spread } from './rows.ts';

const run = promisify(execFile);
/** What isolation may take after any death. */
const LIMIT_MS = 1500;
/** A beat may be on its way when the process is stopped; the next would be due after 50 ms. */
const LAST_BEAT_MS = 60;
/** The lines of a process that is killed are let go one after the other, which is no beat. */
const LET_GO_MS = 50;

const rig = labRig();
const { bench, box } = rig;

interface Death {
  readonly of: Unit;
  /** Carries out the fatal act; it is timed from just before. */
  act(pid: number): unknown;
  /** Brings back what systemd does not. */
  recover?(pid: number): unknown;
  /** The loop stands still: no edges for the dead-man from then on. */
  readonly still?: boolean;
}

const kill = (signal: NodeJS.Signals) => (pid: number) => void process.kill(pid, signal);
const OF_THE_GATE: Record<string, Death> = {
  'SIGKILL of the gate': { of: 'gate', act: kill('SIGKILL') },
  'SIGSTOP of the gate': { of: 'gate', act: kill('SIGSTOP'), still: true },
  // See preload.mjs.
  'endless loop in the gate': { of: 'gate', act: kill('SIGUSR2'), still: true },
  'exception in the gate': { of: 'gate', act: kill('SIGALRM') },
  'systemctl stop of the gate': {
    of: 'gate',
    act: () => run('systemctl', ['stop', 'portcullis-gate']),
    recover: () => box.start(['gate']),
  },
};
const OF_THE_OTHERS: Record<string, Death> = {
  'SIGSTOP of intake': { of: 'intake', act: kill('SIGSTOP'), recover: kill('SIGCONT') },
  'SIGSTOP of the keeper': { of: 'keeper', act: kill('SIGSTOP'), recover: kill('SIGCONT') },
};

const HOOKS = ['Environment=NODE_OPTIONS=--import=/run/lab/preload.mjs'];
const OUTPUTS = [
  { outputs: 'are released', persist: false },
  { outputs: 'persist', persist: true },
];

/** Dies as often as asked for, and says how long the relay took. */
async function die(name: string, death: Death, connect: () => Promise<void>, back: () => Promise<unknown>) {
  const times: number[] = [];
  const beats: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const { pid, before, low, done } = await ended(rig, death.of, death.act, connect);
    times.push(low - before);
    const edges = bench.after(before, 'level', HEARTBEAT).filter(({ at }) => at < low - LET_GO_MS);
    beats.push((edges.at(-1)?.at ?? before) - before);
    await done;
    await death.recover?.(pid);
    // Whoever comes back finds the relay off and leaves it so, until somebody asks again.
    await back();
    expect(bench.after(low, 'level').filter(({ values }) => values[0] !== HEARTBEAT && values[1] === 1)).toEqual([]);
  }
  row(name, `relay off within ${LIMIT_MS} ms`, figures(times));
  if (death.still) row(`… its last edge for the dead-man`, `within ${LAST_BEAT_MS} ms`, figures(beats));
  expect(spread(times).worst).toBeLessThan(LIMIT_MS);
  if (death.still) expect(spread(beats).worst).toBeLessThan(LAST_BEAT_MS);
}

describe.each(DRIVERS)('%s, deaths of the gate', (driver) => {
  const peers = new Peers();

  beforeAll(async () => {
    await box.install(driver, { open: true });
    await box.override('gate', HOOKS);
    await box.start(['gate']);
    peers.start();
  }, 300_000);

  afterAll(() => peers.stop());

  describe.each(OUTPUTS)('outputs $outputs', ({ outputs, persist }) => {
    beforeEach(() => sim.persist(persist));

    test.each(Object.entries(OF_THE_GATE))('%s', (name, death) =>
      die(
        `${driver}, outputs ${outputs}: ${name}`,
        death,
        () => peers.connect(),
        () => peers.sees(({ link }) => link === 'isolated'),
      ),
    );
  });
});

describe.each(DRIVERS)('%s, deaths of the others', (driver) => {
  beforeAll(async () => {
    await box.install(driver);
    await box.start();
  }, 300_000);

  describe.each(OUTPUTS)('outputs $outputs', ({ outputs, persist }) => {
    beforeEach(() => sim.persist(persist));

    test.each(Object.entries(OF_THE_OTHERS))('%s', (name, death) =>
      die(
        `${driver}, outputs ${outputs}: ${name}`,
        death,
        () => box.connect(),
        () => box.sees(({ link }) => link === 'isolated'),
      ),
    );
  });
});
