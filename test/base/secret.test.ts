import { format, inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createLog } from '../../daemon/base/log.ts';
import { Secret } from '../../daemon/base/secret.ts';

const secret = Secret.fromText('hunter2');

describe('Secret', () => {
  it.each<[string, () => string]>([
    ['a template', () => `${secret}`],
    ['String', () => String(secret)],
    ['concatenation', () => 'secret '.concat(secret as unknown as string)],
    ['JSON', () => JSON.stringify({ secret, list: [secret] })],
    ['inspect', () => inspect(secret)],
    [
      'inspect of what holds it, with everything shown',
      () => inspect({ deep: { secret } }, { depth: 9, showHidden: true, getters: true }),
    ],
    ['inspect that does not ask', () => inspect(secret, { customInspect: false, showHidden: true, depth: 9 })],
    ['format', () => format('%s %o %j', secret, secret, secret)],
    ['an error', () => inspect(new Error('failed', { cause: secret }))],
    [
      'the log',
      () => {
        let line = '';
        createLog(
          'gate',
          () => 0,
          (text) => (line = text),
        ).info('message', { secret });
        return line;
      },
    ],
    ['a copy of its properties', () => JSON.stringify({ ...secret }) + Object.keys(secret).join()],
  ])('does not show in %s', (_title, show) => {
    const text = show();
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain(Buffer.from('hunter2').toString('hex').match(/../g)?.join(' '));
  });

  it('says so where it was left out', () => {
    expect(`${secret} ${JSON.stringify(secret)} ${inspect(secret)}`).toBe('**redacted** "**redacted**" **redacted**');
  });

  it('reveals its bytes where asked to, a copy of those it was given', () => {
    const bytes = Buffer.from([1, 2, 255]);
    const made = new Secret(bytes);
    bytes.fill(0);
    expect([...made.reveal()]).toEqual([1, 2, 255]);
    expect(made.length).toBe(3);
  });
});
