import { durationMs } from '../base/duration.ts';
import { PortcullisError } from '../base/errors.ts';
import type { ReportedProof } from '../base/protocol.ts';
import { parseWindow, type Window, type WindowSpec } from '../schedule/window.ts';
import type { Config, StoreConfig } from './schema.ts';

/** The gate's part of the configuration, in the gate's own terms (see `daemon/gate/config.ts`). */
export interface GatePart {
  readonly version: 1;
  readonly appliance: string;
  readonly state: string;
  readonly runtime: string;
  readonly board: BoardPart;
  readonly limits: Readonly<Record<LimitName, number>>;
  readonly reported: Partial<Record<ReportedProof, string>>;
  readonly windows: readonly WindowSpec[];
}

type LimitName =
  | 'leaseMs'
  | 'intakeLeaseMs'
  | 'maxConnectionMs'
  | 'maxConnections'
  | 'maxConnectedMs'
  | 'minOffMs'
  | 'settleMs'
  | 'deviceTimeoutMs'
  | 'presenceMs'
  | 'proofTestMs';

/** Compiles gate.json. `applianceId` is the identity the latch carries. */
export function compileGate(config: Config, applianceId: string): GatePart {
  const { appliance, board, gate, vault } = config;
  return {
    version: 1,
    appliance: applianceId,
    state: `${appliance.state}/gate`,
    runtime: appliance.runtime,
    board: compileBoard(board, vault.store),
    limits: {
      leaseMs: ms(gate.lease),
      intakeLeaseMs: ms(gate.intakeLease),
      maxConnectionMs: ms(gate.maxConnection),
      maxConnections: gate.maxConnections,
      maxConnectedMs: ms(gate.maxConnected),
      minOffMs: ms(gate.minOff),
      settleMs: ms(gate.settle),
      deviceTimeoutMs: ms(gate.deviceTimeout),
      presenceMs: ms(gate.presence),
      proofTestMs: ms(gate.proofTest),
    },
    reported: reportedProofs(board),
    windows: windowSpecs(config),
  };
}

type Hardware = Extract<Config['board'], { driver: 'hardware' }>;
type Line = NonNullable<Hardware['heartbeat']>;
type BoardPart =
  | { readonly driver: 'simulated'; readonly directory: string; readonly vault: string; readonly uplink: boolean }
  | (Omit<Hardware, 'led' | ReportedProof> & {
      readonly led?:
        | { readonly kind: 'one'; readonly line: Line }
        | { readonly kind: 'rgb'; red: Line; green: Line; blue: Line };
    });

function compileBoard(board: Config['board'], store: StoreConfig): BoardPart {
  if (board.driver === 'simulated') {
    if (store.kind === 'directory') return { ...board, vault: store.path };
    // The rules of the configuration refuse it.
    throw new PortcullisError(
      'config.invalid',
      `The simulated board takes a directory away, not a store of kind ${store.kind}.`,
    );
  }
  // What the keeper measures is the keeper's: the gate only waits for its word.
  const { led, carrier: _, probe: __, ...rest } = board;
  if (led === undefined) return rest;
  return { ...rest, led: 'red' in led ? { kind: 'rgb', ...led } : { kind: 'one', line: led } };
}

/** The proofs that the keeper has to report, and of what: another target is another proof. */
function reportedProofs(board: Config['board']): Partial<Record<ReportedProof, string>> {
  if (board.driver === 'simulated') return {};
  const { carrier, probe } = board;
  return {
    ...(carrier === undefined ? {} : { carrier }),
    ...(probe === undefined ? {} : { probe: `${probe.host} port ${probe.port}` }),
  };
}

/** The configured windows. The configuration has been checked: every expression is sound. */
export function windowsOf(config: Config): Window[] {
  return windowSpecs(config).flatMap((spec) => {
    const parsed = parseWindow(spec);
    return parsed.ok ? [parsed.window] : [];
  });
}

function windowSpecs(config: Config): WindowSpec[] {
  return config.windows.map(({ name, cron, duration, timezone }) => ({
    name,
    cron,
    durationMs: ms(duration),
    timezone,
  }));
}

/** A duration that the schema has accepted. */
function ms(duration: string): number {
  return durationMs(duration) ?? Number.NaN;
}
