import { integer, list, number, type Of, object, text, variants } from '../base/shape.ts';

/** The board section alone: read, and acted on, before the rest of gate.json is looked at. */
export const boardConfig = variants('driver', {
  simulated: { directory: text(4095), vault: text(4095) },
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
  }),
  windows: list(object({ name: text(100), cron: text(200), durationMs: milliseconds, timezone: text(100) }), 50),
});
export type GateConfig = Of<typeof gateConfig>;
export type Limits = GateConfig['limits'];
