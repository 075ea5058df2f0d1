import { describe, expect, it } from 'vitest';
import { createLog, type Level } from '../../daemon/base/log.ts';

function logged(threshold?: Level) {
  const lines: string[] = [];
  const log = createLog(
    'gate',
    () => 1_000,
    (line) => lines.push(line),
    threshold,
  );
  return { log, lines };
}

describe('createLog', () => {
  it('writes one JSON object a line', () => {
    const { log, lines } = logged();
    log.warn('two\nlines', { error: new Error('a\nb'), n: 1 });
    expect(lines).toEqual([
      '{"time":"1970-01-01T00:00:01.000Z","level":"warn","unit":"gate","message":"two\\nlines","error":"a b","n":1}\n',
    ]);
  });

  it.each<[Level, number]>([
    ['debug', 4],
    ['info', 3],
    ['warn', 2],
    ['error', 1],
  ])('at %s writes %d of four levels', (threshold, count) => {
    const { log, lines } = logged(threshold);
    log.debug('1');
    log.info('2');
    log.warn('3');
    log.error('4');
    expect(lines).toHaveLength(count);
  });
});
