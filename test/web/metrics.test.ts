import { expect, test } from 'vitest';
import { metricsOf } from '../../daemon/web/metrics.ts';
import { gateView, keeperStatus, LOCKOUT, WALL, withoutGate } from './samples.ts';

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

test('each line is one Prometheus reads, and each metric is described once', () => {
  const text = metricsOf(keeperStatus());
  for (const line of lines(text)) expect(line).toMatch(/^[a-z_]+(\{[a-z_]+="([^"\\\n]|\\.)*"\})? -?\d+(\.\d+)?$/);
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
