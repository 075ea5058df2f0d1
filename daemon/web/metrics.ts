import { LINKS } from '../base/protocol.ts';
import type { KeeperStatus } from '../keeper/ports.ts';

/** A gate view older than this is not shown as the gate's state by anyone: stale is said to be stale (G10). */
const STALE_MS = 3000;

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

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
    gauge('portcullis_attention', 'Number of things that want attention.', [[{}, status.attention.length]]),
  ].join('');
}

function gauge(name: string, help: string, samples: readonly Sample[]): string {
  const lines = samples.map(([labels, value]) => `${name}${labelsOf(labels)} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join('')}`;
}

function labelsOf(labels: Labels): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
