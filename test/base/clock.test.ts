import { describe, expect, it } from 'vitest';
import { isoTime, parseCertificateTime, parseHttpTime, parseTime, systemClock } from '../../daemon/base/clock.ts';
import { durationMs } from '../../daemon/base/duration.ts';

describe('parseTime', () => {
  it.each([
    ['1970-01-01', 0],
    ['1970-01-01T00:00Z', 0],
    ['1970-01-01T01:00:00.250+01:00', 250],
    ['2026-02-28T23:59:59-11:30', Date.UTC(2026, 2, 1, 11, 29, 59)],
  ])('reads %s', (text, ms) => {
    expect(parseTime(text)).toBe(ms);
  });

  it.each([
    '',
    'now',
    '1',
    '2026',
    '2026-13-01',
    '2026-01-01T25:00Z',
    '1970-01-01 00:00',
    ' 1970-01-01',
    '1970-01-01T00:00:00Zx',
    '+010000-01-01',
  ])('refuses %j', (text) => {
    expect(parseTime(text)).toBeUndefined();
  });

  it('reads what isoTime writes', () => {
    for (const ms of [0, 1, 1_795_243_800_123]) expect(parseTime(isoTime(ms))).toBe(ms);
  });
});

describe('parseCertificateTime', () => {
  it.each([
    ['Aug 17 23:59:59 2022 GMT', Date.UTC(2022, 7, 17, 23, 59, 59)],
    ['Jan  1 00:00:00 2124 GMT', Date.UTC(2124, 0, 1)],
  ])('reads %s', (text, ms) => expect(parseCertificateTime(text)).toBe(ms));

  it.each(['', 'Aug 17 23:59:59 2022', 'Aug 17 2022', '2022-08-17T23:59:59Z', 'Xyz 17 23:59:59 2022 GMT'])(
    'does not read %j',
    (text) => expect(parseCertificateTime(text)).toBeUndefined(),
  );
});

describe('durationMs', () => {
  it.each([
    ['0s', 0],
    ['500ms', 500],
    ['90s', 90_000],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
  ])('reads %s', (text, ms) => {
    expect(durationMs(text)).toBe(ms);
  });

  it.each(['', '10', 's', '1.5h', '-1s', '1 h', '1H', '1h30m', '1h\n', '٣s'])('refuses %j', (text) => {
    expect(durationMs(text)).toBeUndefined();
  });
});

describe('systemClock', () => {
  it('never runs backwards', () => {
    let before = systemClock.monotonic();
    for (let turn = 0; turn < 1000; turn++) {
      const now = systemClock.monotonic();
      expect(now).toBeGreaterThanOrEqual(before);
      before = now;
    }
  });

  it('calls once, unless cancelled; cancelling late or twice does nothing', async () => {
    const calls: string[] = [];
    const cancel = systemClock.after(0, () => calls.push('cancelled'));
    cancel();
    cancel();
    await new Promise<void>((resolve) => {
      const late = systemClock.after(1, () => {
        calls.push('after');
        resolve();
      });
      expect(late).toBeTypeOf('function');
    });
    expect(calls).toEqual(['after']);
  });

  it('calls again and again until told to stop', async () => {
    let calls = 0;
    await new Promise<void>((resolve) => {
      const stop = systemClock.every(1, () => {
        calls++;
        if (calls < 3) return;
        stop();
        resolve();
      });
    });
    expect(calls).toBe(3);
  });
});

describe('parseHttpTime', () => {
  it('reads the date of an HTTP answer, and nothing else', () => {
    expect(parseHttpTime('Sun, 06 Nov 1994 08:49:37 GMT')).toBe(784_111_777_000);
    for (const text of ['', '1994-11-06', 'Sun, 06 Nov 1994 08:49:37 +0200', 'Sun, 06 Nox 1994 08:49:37 GMT'])
      expect(parseHttpTime(text)).toBeUndefined();
  });
});
