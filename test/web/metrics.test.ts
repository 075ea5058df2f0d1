import { expect, test } from 'vitest';
import { metricsOf } from '../../daemon/web/metrics.ts';
import { gateView, keeperStatus, LOCKOUT, TWO_DOORS, WALL, withoutGate } from './samples.ts';

const lines = (text: string) => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

test('what an operator would ask', () => {
  const text = metricsOf(keeperStatus(LOCKOUT));
  expect(lines(text)).toEqual(
    expect.arrayContaining([
      'portcullis_gate_up 1',
      'portcullis_gate_view_age_seconds 0.2',
      'portcullis_gate_state{state="isolated"} 1',
      'portcullis_gate_state{state="connected"} 0',
      'portcullis_latch{latch="lockout"} 1',
      'portcullis_latch{latch="clear"} 0',
      'portcullis_interlock{name="latch"} 0',
      'portcullis_interlock{name="intake"} 1',
      `portcullis_last_snapshot_timestamp_seconds{source="code"} ${(WALL - 7_500_000) / 1000}`,
      'portcullis_source_failing{source="orders-db"} 1',
      'portcullis_source_failing{source="code"} 0',
    ]),
  );
});

test('both doors, every proof, and when they were tested', () => {
  const text = metricsOf(keeperStatus(TWO_DOORS, { proofs: { carrier: 'dead', probe: 'unknown' } }));
  expect(lines(text).filter((line) => /^portcullis_(uplink|proof)/.test(line))).toEqual([
    'portcullis_uplink_state{state="isolated"} 0',
    'portcullis_uplink_state{state="connected"} 1',
    'portcullis_uplink_state{state="isolating"} 0',
    'portcullis_proof{name="contact"} 0',
    'portcullis_proof{name="device"} 0',
    'portcullis_proof{name="carrier"} 0',
    'portcullis_proof{name="probe"} -1',
    'portcullis_proof{name="uplink"} 1',
    'portcullis_proof{name="supply"} 1',
    `portcullis_proof_test_timestamp_seconds ${WALL / 1000 - 86_400}`,
    'portcullis_proof_test_passed 1',
  ]);
  const plain = lines(metricsOf(keeperStatus())).filter((line) => /^portcullis_(uplink|proof)/.test(line));
  expect(plain).toEqual(['portcullis_proof{name="contact"} 0', 'portcullis_proof{name="device"} 0']);
});

test("the keeper's own proofs are there while the gate is not", () => {
  const text = metricsOf({ ...withoutGate(), proofs: { probe: 'alive' } });
  expect(lines(text).filter((line) => line.startsWith('portcullis_proof'))).toEqual([
    'portcullis_proof{name="probe"} 1',
  ]);
});

test('how long trips took, as Prometheus reads a histogram, and how long the vault was connected', () => {
  const text = metricsOf(keeperStatus());
  expect(lines(text).filter((line) => /^portcullis_(trip|connected)_seconds/.test(line))).toEqual([
    'portcullis_connected_seconds_total 20.6',
    'portcullis_trip_seconds_bucket{le="0.001"} 1',
    'portcullis_trip_seconds_bucket{le="0.005"} 2',
    'portcullis_trip_seconds_bucket{le="+Inf"} 2',
    'portcullis_trip_seconds_sum 0.0042',
    'portcullis_trip_seconds_count 2',
  ]);
  expect(text).toContain('# TYPE portcullis_trip_seconds histogram\n');
  expect(text).toContain('# TYPE portcullis_connected_seconds_total counter\n');
});

test('each line is one Prometheus reads, and each metric is described once', () => {
  const text = metricsOf(keeperStatus());
  for (const line of lines(text)) expect(line).toMatch(/^[a-z_]+(\{([a-z_]+="([^"\\\n]|\\.)*",?)+\})? -?\d+(\.\d+)?$/);
  const described = [...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]);
  expect(new Set(described).size).toBe(described.length);
  expect(text.endsWith('\n')).toBe(true);
});

test('a stale or absent gate has no state', () => {
  const stale = keeperStatus(gateView(), { gate: { view: gateView(), receivedWall: WALL - 3500 } });
  for (const status of [stale, withoutGate()]) {
    const text = metricsOf(status);
    expect(lines(text)).toContain('portcullis_gate_up 0');
    expect(text).not.toMatch(/^portcullis_(gate_state|latch|interlock)\{/m);
  }
});

test('labels are escaped', () => {
  const status = keeperStatus();
  const [source] = status.sources;
  const text = metricsOf({ ...status, sources: source === undefined ? [] : [{ ...source, name: 'a"b\\c\nd' }] });
  expect(text).toContain('portcullis_source_failing{source="a\\"b\\\\c\\nd"} 0');
});

test('when each alert source was last heard, and which of those that are watched are silent', () => {
  const [heard, unwatched] = keeperStatus().alertSources;
  const silent = { name: 'siem', state: 'silent', blocks: true } as const;
  const alertSources = heard === undefined || unwatched === undefined ? [] : [heard, unwatched, silent];
  const found = lines(metricsOf(keeperStatus(gateView(), { alertSources })));
  expect(found.filter((line) => /^portcullis_source_(last_heard|silent)/.test(line))).toEqual([
    `portcullis_source_last_heard_timestamp_seconds{source="alertmanager"} ${(WALL - 61_000) / 1000}`,
    'portcullis_source_silent{source="alertmanager"} 0',
    'portcullis_source_silent{source="siem"} 1',
  ]);
});

test('what arrived from alert sources, and what came of it', () => {
  const text = metricsOf(keeperStatus());
  expect(lines(text).filter((line) => line.startsWith('portcullis_alerts_total'))).toEqual([
    'portcullis_alerts_total{source="alertmanager",outcome="matched-none"} 288',
    'portcullis_alerts_total{source="alertmanager",outcome="tripped"} 2',
  ]);
  expect(text).toContain('# TYPE portcullis_alerts_total counter\n');
});
