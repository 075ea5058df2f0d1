import fc from 'fast-check';
import type {
  BoardConfig,
  GateConfig,
  InputConfig,
  Limits,
  OutputConfig,
  RelayConfig,
} from '../../daemon/gate/config.ts';
import { parseCron } from '../../daemon/schedule/cron.ts';

/** Arbitrary configurations of the gate, every part of them sound. */

/** A record as JSON would give it: with a prototype. */
const plain: typeof fc.record = (model: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record(model, { noNullPrototype: true }) as never;

const field = (low: number, high: number) =>
  fc.oneof(
    fc.constant('*'),
    fc
      .uniqueArray(fc.integer({ min: low, max: high }), { minLength: 1, maxLength: 5 })
      .map((values) => values.join(',')),
  );

const cron = fc
  .tuple(
    fc.constantFrom('0', '0,30', '*'),
    field(0, 59),
    field(0, 23),
    field(1, 31),
    fc.oneof(fc.constant('*'), field(1, 12)),
    field(0, 6),
  )
  .map((fields) => fields.join(' '))
  .filter((text) => parseCron(text).ok);

export const window: fc.Arbitrary<GateConfig['windows'][number]> = plain({
  name: fc.constantFrom('a', 'b', 'c'),
  cron,
  durationMs: fc.constantFrom(1000, 60_000, 3_600_000, 7_200_000, 86_400_000),
  timezone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'),
});

const limits: fc.Arbitrary<Limits> = plain({
  leaseMs: fc.integer({ min: 200, max: 10_000 }),
  intakeLeaseMs: fc.integer({ min: 200, max: 10_000 }),
  maxConnectionMs: fc.integer({ min: 1000, max: 43_200_000 }),
  maxConnections: fc.integer({ min: 1, max: 1440 }),
  maxConnectedMs: fc.integer({ min: 1000, max: 86_400_000 }),
  minOffMs: fc.integer({ min: 1, max: 86_400_000 }),
  settleMs: fc.integer({ min: 50, max: 30_000 }),
  deviceTimeoutMs: fc.integer({ min: 100, max: 600_000 }),
  presenceMs: fc.integer({ min: 5000, max: 600_000 }),
  proofTestMs: fc.integer({ min: 86_400_000, max: 400 * 86_400_000 }),
});

const place = { chip: fc.constantFrom('pinctrl-bcm2711', 'pinctrl-rp1'), line: fc.integer({ min: 0, max: 27 }) };
const output: fc.Arbitrary<OutputConfig> = plain({ driver: fc.constantFrom('gpiochip', 'onoff'), ...place });
const relay: fc.Arbitrary<RelayConfig> = fc.oneof(
  output,
  plain({
    driver: fc.constant('serial' as const),
    model: fc.constantFrom('lcus' as const, 'waveshare' as const),
    port: fc.constantFrom('/dev/one', '/dev/two'),
    channel: fc.integer({ min: 1, max: 8 }),
  }),
);
export const input: fc.Arbitrary<InputConfig> = plain({
  driver: fc.constant('gpiochip' as const),
  ...place,
  active: fc.constantFrom('low', 'high'),
  bias: fc.constantFrom('none', 'up', 'down'),
});

export const hardware: fc.Arbitrary<Extract<BoardConfig, { driver: 'hardware' }>> = fc.record(
  {
    driver: fc.constant('hardware' as const),
    relay,
    contacts: fc.array(input, { maxLength: 2 }),
    relay2: relay,
    device: fc.constantFrom('/dev/disk/one', '/dev/disk/two'),
    led: plain({ kind: fc.constant('one' as const), line: output }),
    button: input,
    buzzer: output,
    supply: input,
    heartbeat: output,
    uplink: plain({ relay, contact: input, interface: fc.constantFrom('eth0', 'eth1') }),
  },
  { requiredKeys: ['driver', 'relay', 'contacts'], noNullPrototype: true },
);

const simulated: fc.Arbitrary<Extract<BoardConfig, { driver: 'simulated' }>> = fc.record(
  {
    driver: fc.constant('simulated' as const),
    directory: fc.constantFrom('/board', '/other'),
    vault: fc.constantFrom('/vault', '/other'),
    uplink: fc.boolean(),
  },
  { requiredKeys: ['driver', 'directory', 'vault'], noNullPrototype: true },
);

export const config: fc.Arbitrary<GateConfig> = plain({
  version: fc.constant(1),
  appliance: fc.constant('box'),
  state: fc.constant('/state'),
  runtime: fc.constant('/run'),
  board: fc.oneof(hardware, simulated),
  limits,
  reported: plain(
    { carrier: fc.constantFrom('eth0', 'eth1'), probe: fc.constant('nas port 445') },
    { requiredKeys: [], noNullPrototype: true },
  ),
  windows: fc.array(window, { maxLength: 3 }),
});
