import { flag, integer, list, number, type Of, object, oneOf, optional, text, variants } from '../base/shape.ts';

const place = { chip: text(31), line: integer(0, 1023) };
const output = variants('driver', { gpiochip: place, onoff: place });
const relay = variants('driver', {
  gpiochip: place,
  onoff: place,
  serial: {
    model: oneOf('lcus', 'kmtronic', 'numato', 'waveshare', 'i7060'),
    port: text(4095),
    channel: integer(1, 32),
    address: optional(integer(1, 247)),
    spare: optional(integer(1, 32)),
    checksum: optional(flag),
  },
});
const active = oneOf('low', 'high');
const input = variants('driver', {
  gpiochip: { ...place, active, bias: oneOf('none', 'up', 'down') },
  onoff: { ...place, active },
});
export type OutputConfig = Of<typeof output>;
export type RelayConfig = Of<typeof relay>;
export type InputConfig = Of<typeof input>;

/** The board section alone: read, and acted on, before the rest of gate.json is looked at. */
export const boardConfig = variants('driver', {
  simulated: { directory: text(4095), vault: text(4095), uplink: optional(flag) },
  hardware: {
    relay,
    relay2: optional(relay),
    contacts: list(input, 2),
    device: optional(text(4095)),
    led: optional(variants('kind', { one: { line: output }, rgb: { red: output, green: output, blue: output } })),
    button: optional(input),
    buzzer: optional(output),
    /** Senses the coils' supply behind the button's normally-closed pole; `active` is its level while there is current. */
    supply: optional(input),
    heartbeat: optional(output),
    /** The network door. `contact` proves its break; `interface` is what it switches. */
    uplink: optional(object({ relay, contact: input, interface: text(15) })),
  },
});
export type BoardConfig = Of<typeof boardConfig>;

const milliseconds = number(0, 7 * 86_400_000);

/**
 * gate.json: the gate's part of the configuration, compiled by `portcullis config apply` so that the gate needs no
 * library to read it. Durations in milliseconds.
 */
export const gateConfig = object({
  version: integer(1, 1),
  /** Identity of the appliance; a latch of another one is foreign. */
  appliance: text(64),
  /** Directory of latch and budget. */
  state: text(4095),
  /** Directory of the sockets. */
  runtime: text(4095),
  board: boardConfig,
  limits: object({
    leaseMs: milliseconds,
    intakeLeaseMs: milliseconds,
    maxConnectionMs: milliseconds,
    maxConnections: integer(1, 100_000),
    maxConnectedMs: milliseconds,
    minOffMs: milliseconds,
    settleMs: milliseconds,
    deviceTimeoutMs: milliseconds,
    presenceMs: milliseconds,
    /** After this long the next connection begins with a proof test of relays, contacts and proofs. */
    proofTestMs: number(0, 400 * 86_400_000),
  }),
  /** Proofs that the keeper must report, each with what it is taken of. */
  reported: object({ carrier: optional(text(300)), probe: optional(text(300)) }),
  windows: list(object({ name: text(100), cron: text(200), durationMs: milliseconds, timezone: text(100) }), 50),
});
export type GateConfig = Of<typeof gateConfig>;
export type Limits = GateConfig['limits'];
