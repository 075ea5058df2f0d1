import { type GateView, LINKS, type Reading } from '../base/protocol.ts';
import type { KeeperStatus } from '../keeper/ports.ts';

/** A gate view older than this is not shown as the gate's state by anyone: stale is said to be stale (G10). */
const STALE_MS = 3000;

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];
type Series = readonly [suffix: string, labels: Labels, value: number];

/** The status in Prometheus' text format, version 0.0.4. While the gate's view is stale its samples are absent. */
export function metricsOf(status: KeeperStatus): string {
  const { gate } = status;
  const age = gate === undefined ? undefined : status.wall - gate.receivedWall;
  const view = age !== undefined && Math.abs(age) <= STALE_MS ? gate?.view : undefined;
  return [
    gauge('portcullis_build_info', 'The running version.', [[{ version: status.version }, 1]]),
    gauge('portcullis_gate_up', 'Whether a fresh view of the gate is at hand.', [[{}, view === undefined ? 0 : 1]]),
    gauge(
      'portcullis_gate_view_age_seconds',
      'Seconds since the gate last said how it is.',
      age === undefined ? [] : [[{}, age / 1000]],
    ),
    gauge(
      'portcullis_gate_state',
      "1 for the link's measured state, 0 for the others.",
      view === undefined ? [] : LINKS.map((state) => [{ state }, view.link === state ? 1 : 0]),
    ),
    gauge(
      'portcullis_uplink_state',
      "1 for the second door's state, 0 for the others; absent without one.",
      view?.uplink === undefined ? [] : UPLINKS.map((state) => [{ state }, view.uplink === state ? 1 : 0]),
    ),
    gauge(
      'portcullis_proof',
      "What is measured, 1 alive, 0 dead, -1 cannot be told: contact, device, carrier, probe of the vault's link, uplink of the second door, supply of the coils.",
      proofsOf(status, view),
    ),
    gauge(
      'portcullis_proof_test_timestamp_seconds',
      'When relays, contacts and proofs were last tested; absent before the first time.',
      view?.proofTest === undefined ? [] : [[{}, view.proofTest.wall / 1000]],
    ),
    gauge(
      'portcullis_proof_test_passed',
      'Whether the last test of relays, contacts and proofs passed.',
      view?.proofTest === undefined ? [] : [[{}, view.proofTest.passed ? 1 : 0]],
    ),
    gauge(
      'portcullis_latch',
      '1 for what is latched, 0 for the others.',
      view === undefined
        ? []
        : ['clear', 'lockout', 'fault'].map((latch) => [{ latch }, view.latch.kind === latch ? 1 : 0]),
    ),
    gauge(
      'portcullis_interlock',
      'Whether the interlock holds.',
      (view?.interlocks ?? []).map(({ name, ok }) => [{ name }, ok ? 1 : 0]),
    ),
    gauge(
      'portcullis_budget_connections',
      'Connections in the last 24 h of uptime.',
      view === undefined ? [] : [[{}, view.budget.connections]],
    ),
    gauge(
      'portcullis_budget_connected_seconds',
      'Connected seconds in the last 24 h of uptime.',
      view === undefined ? [] : [[{}, view.budget.seconds]],
    ),
    metric(
      'portcullis_connected_seconds_total',
      'counter',
      'Seconds the vault was connected, of connections that have ended since the keeper started.',
      [['', {}, status.figures.connectedSeconds]],
    ),
    metric(
      'portcullis_alerts_total',
      'counter',
      'What arrived from alert sources, by what came of it, since the keeper started. Of what was refused, what intake told of.',
      status.figures.alerts.map(({ source, outcome, count }): Series => ['', { source, outcome }, count]),
    ),
    metric(
      'portcullis_trip_seconds',
      'histogram',
      'Seconds from the arrival of an alert that tripped to the command that de-energised the relay, since the keeper started.',
      histogram(status.figures.trips),
    ),
    gauge(
      'portcullis_next_window_timestamp_seconds',
      'When the next window begins.',
      status.nextWindow === undefined ? [] : [[{}, status.nextWindow.startWall / 1000]],
    ),
    gauge(
      'portcullis_last_snapshot_timestamp_seconds',
      'When the newest committed snapshot of a source was sealed.',
      status.sources.flatMap(({ name, lastSnapshot }): Sample[] =>
        lastSnapshot === undefined ? [] : [[{ source: name }, lastSnapshot.wall / 1000]],
      ),
    ),
    gauge(
      'portcullis_source_failing',
      'Whether a source has failed since its newest snapshot.',
      status.sources.map(({ name, lastFailure }) => [{ source: name }, lastFailure === undefined ? 0 : 1]),
    ),
    gauge(
      'portcullis_source_last_heard_timestamp_seconds',
      'When an alert source was last heard: anything of it that was authentic and no repetition.',
      status.alertSources.flatMap(({ name, lastHeardWall }): Sample[] =>
        lastHeardWall === undefined ? [] : [[{ source: name }, lastHeardWall / 1000]],
      ),
    ),
    gauge(
      'portcullis_source_silent',
      'Whether an alert source is silent; absent where no heartbeat is configured.',
      status.alertSources.flatMap(({ name, state }): Sample[] =>
        state === 'unwatched' ? [] : [[{ source: name }, state === 'alive' ? 0 : 1]],
      ),
    ),
    gauge('portcullis_attention', 'Number of things that want attention.', [[{}, status.attention.length]]),
  ].join('');
}

const UPLINKS = ['isolated', 'connected', 'isolating'] as const satisfies readonly NonNullable<GateView['uplink']>[];
const LEVELS: Record<Reading, number> = { alive: 1, dead: 0, unknown: -1 };

/** The gate's readings while they are fresh, and the keeper's own. */
function proofsOf({ proofs }: KeeperStatus, view: GateView | undefined): Sample[] {
  const { contact, device, uplink, supply } = view?.readings ?? {};
  return Object.entries({ contact, device, ...proofs, uplink, supply }).flatMap(([name, reading]): Sample[] =>
    reading === undefined ? [] : [[{ name }, LEVELS[reading]]],
  );
}

function histogram({ seconds, count, buckets }: KeeperStatus['figures']['trips']): Series[] {
  return [
    ...buckets.map(({ le, count }): Series => ['_bucket', { le: String(le) }, count]),
    ['_bucket', { le: '+Inf' }, count],
    ['_sum', {}, seconds],
    ['_count', {}, count],
  ];
}

function gauge(name: string, help: string, samples: readonly Sample[]): string {
  return metric(
    name,
    'gauge',
    help,
    samples.map(([labels, value]): Series => ['', labels, value]),
  );
}

function metric(name: string, type: 'gauge' | 'counter' | 'histogram', help: string, all: readonly Series[]): string {
  const lines = all.map(([suffix, labels, value]) => `${name}${suffix}${labelsOf(labels)} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function labelsOf(labels: Labels): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
