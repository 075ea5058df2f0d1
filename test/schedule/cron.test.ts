import { expect, test } from 'vitest';
import { type CronFault, matchesDay, parseCron } from '../../daemon/schedule/cron.ts';

function cron(text: string) {
  const result = parseCron(text);
  if (!result.ok) throw new Error(`${text}: ${JSON.stringify(result.faults)}`);
  return result.cron;
}

function faults(text: string): readonly CronFault[] {
  const result = parseCron(text);
  return result.ok ? [] : result.faults;
}

const day = (iso: string) => Date.parse(`${iso}T00:00:00Z`) / 86_400_000;

test('reads every form a field may take', () => {
  expect(cron('5 1-3 1,15 */6 1-5/2')).toEqual({
    seconds: [0],
    minutes: [5],
    hours: [1, 2, 3],
    daysOfMonth: [1, 15],
    months: [1, 7],
    weekdays: [1, 3, 5],
    eitherDay: true,
  });
  expect(cron('*/20 0 0 * * *').seconds).toEqual([0, 20, 40]);
  expect(cron('  00  01 * * * ').hours).toEqual([1]);
});

test('names are read in any case, in full or by three letters, and 0 and 7 are both Sunday', () => {
  expect(cron('0 0 * JAN,march sun').months).toEqual([1, 3]);
  expect(cron('0 0 * * 7').weekdays).toEqual([0]);
  expect(cron('0 0 * * 0,7').weekdays).toEqual([0]);
  expect(cron('0 0 * * fri-Sunday').weekdays).toEqual([0, 5, 6]);
  expect(cron('0 0 * * 6-0').weekdays).toEqual([0, 6]);
  expect(cron('0 0 * * *').weekdays).toEqual([0, 1, 2, 3, 4, 5, 6]);
});

test('two restricted day fields: either matches; a field that begins with a star does not restrict', () => {
  const friday13 = day('2026-11-13');
  const friday = day('2026-11-20');
  const thirteenth = day('2026-12-13');
  const other = day('2026-11-21');
  const matching = (text: string) =>
    [friday13, friday, thirteenth, other].map((number) => matchesDay(cron(text), number));
  expect(matching('0 0 13 * 5')).toEqual([true, true, true, false]);
  expect(matching('0 0 * * 5')).toEqual([true, true, false, false]);
  expect(matching('0 0 13 * *')).toEqual([true, false, true, false]);
  expect(matching('0 0 */12 * 5')).toEqual([true, false, false, false]);
});

test.each([
  ['61 * * * *', 'minute', '61', 'numbers 0 to 59'],
  ['* 24 * * *', 'hour', '24', 'numbers 0 to 23'],
  ['* * 0 * *', 'day of month', '0', 'numbers 1 to 31'],
  ['* * * 13 *', 'month', '13', 'numbers 1 to 12 or names jan to dec'],
  ['* * * * 8', 'day of week', '8', 'numbers 0 to 7 or names sun to sat'],
  ['* * * * janu', 'day of week', 'janu', 'names sun to sat'],
  ['60 * * * * *', 'second', '60', 'numbers 0 to 59'],
  ['1,,2 * * * *', 'minute', '', 'lists a,b'],
  ['-1 * * * *', 'minute', '-1', 'numbers 0 to 59'],
  ['1.5 * * * *', 'minute', '1.5', 'numbers 0 to 59'],
  ['0 22-2 * * *', 'hour', '22-2', 'upwards'],
  ['5/10 * * * *', 'minute', '5/10', 'a step after * or a range'],
  ['*/0 * * * *', 'minute', '*/0', 'a step from 1 to 59'],
  ['*/60 * * * *', 'minute', '*/60', 'a step from 1 to 59'],
  ['0 1-5/9 * * *', 'hour', '1-5/9', 'a step from 1 to 4'],
  ['0 0 L * *', 'day of month', 'L', 'numbers 1 to 31'],
  ['0 0 ? * *', 'day of month', '?', 'numbers 1 to 31'],
  ['@daily', 'expression', '@daily', 'five fields'],
  ['* * * *', 'expression', '* * * *', 'five fields'],
  ['* * * * * * *', 'expression', '* * * * * * *', 'six with seconds first'],
  ['', 'expression', '', 'five fields'],
])('refuses %j and says where, what and what else', (text, field, found, accepted) => {
  expect(faults(text)).toEqual([{ field, found, accepted: expect.stringContaining(accepted) }]);
});

test('all faults are reported at once', () => {
  expect(faults('99 x * foo 9').map((fault) => fault.field)).toEqual(['minute', 'hour', 'month', 'day of week']);
});

test('an expression that can never match is a fault', () => {
  for (const never of ['0 0 30 2 *', '0 0 31 4,6,9,nov *', '0 0 30-31 2 *', '0 0 31 2 */2', '0 0 0 31 feb *'])
    expect(faults(never), never).toMatchObject([
      { field: 'day of month', accepted: expect.stringContaining('exists') },
    ]);
  // With a weekday as the other choice it fires after all; and a leap day exists.
  for (const sometimes of ['0 0 30 2 1', '0 0 29 2 *', '0 0 31 1,2 *'])
    expect(faults(sometimes), sometimes).toEqual([]);
});
