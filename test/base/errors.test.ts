import { describe, expect, it } from 'vitest';
import {
  ERROR_REGISTER,
  type ErrorCode,
  errnoOf,
  hasCode,
  PortcullisError,
  reasonOf,
} from '../../daemon/base/errors.ts';

const codes = Object.keys(ERROR_REGISTER) as ErrorCode[];

describe('the register of errors', () => {
  it.each(codes)('%s has a name, an exit status, an HTTP status and a remedy', (code) => {
    const { exit, status, remedy } = ERROR_REGISTER[code];
    expect(code).toMatch(/^[a-z]+\.[a-z_]+$/);
    expect([1, 2, 3]).toContain(exit);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
    expect(remedy).toMatch(/^[A-Z`].*\.$/);
  });
});

describe('PortcullisError', () => {
  const error = new PortcullisError('config.missing', 'The configuration x does not exist.', {
    cause: new Error('ENOENT'),
  });

  it('says what happened, to what, what to do, and its code', () => {
    expect(error.message).toBe(
      'The configuration x does not exist. Create one with `portcullis init`, or name it with --config. [config.missing]',
    );
    expect([error.exit, error.status, error.remedy, error.name]).toEqual([
      2,
      500,
      'Create one with `portcullis init`, or name it with --config.',
      'PortcullisError',
    ]);
  });

  it('is told apart by its code', () => {
    expect(hasCode(error, 'config.missing')).toBe(true);
    expect(hasCode(error, 'config.invalid')).toBe(false);
    expect(hasCode(new Error('config.missing'), 'config.missing')).toBe(false);
  });
});

describe('reasonOf', () => {
  it.each<[unknown, string]>([
    [new PortcullisError('usage.wrong', 'No such command.'), 'No such command.'],
    [new Error('one\n  two\nthree'), 'one two three'],
    ['text', 'text'],
    [undefined, 'undefined'],
    [{ message: 'not an error' }, '[object Object]'],
  ])('puts %o into one line', (thrown, line) => {
    expect(reasonOf(thrown)).toBe(line);
  });
});

describe('errnoOf', () => {
  it('knows system errors and nothing else', () => {
    expect(errnoOf(Object.assign(new Error(), { code: 'ENOENT' }))).toBe('ENOENT');
    expect(errnoOf(Object.assign(new Error(), { code: 7 }))).toBeUndefined();
    expect(errnoOf(new Error('ENOENT'))).toBeUndefined();
    expect(errnoOf({ code: 'ENOENT' })).toBeUndefined();
  });
});
