import { expect, it } from 'vitest';
import { heartbeatOf } from '../../daemon/config/heartbeat.ts';
import { readConfig } from '../../daemon/config/read.ts';
import { broken } from './samples.ts';

const read = (heartbeat: string) => {
  const text = broken('format: alertmanager', `format: alertmanager${heartbeat}`);
  const reading = readConfig(Buffer.from(text), '/nowhere');
  const [source] = reading.ok ? reading.config.intake.sources : [];
  return source && heartbeatOf(source);
};

it('blocks for three days of silence and then warns, unless told otherwise', () => {
  const [everyMs, day] = [300_000, 86_400_000];
  expect(read('\n      heartbeat: {every: 5m}')).toEqual({ everyMs, silence: 'degrade', afterMs: 3 * day });
  expect(read('\n      heartbeat: {every: 5m, after: 7d}')).toEqual({ everyMs, silence: 'degrade', afterMs: 7 * day });
  expect(read('\n      heartbeat: {every: 5m, silence: block}')).toMatchObject({ everyMs, silence: 'block' });
  expect(read('')).toBeUndefined();
});
