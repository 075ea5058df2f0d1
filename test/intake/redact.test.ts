import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_PAYLOAD, payloadOf } from '../../daemon/intake/redact.ts';

const read = (body: unknown) => payloadOf(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));

describe('a payload', () => {
  it('is what was sent, where there is nothing to hide', () => {
    const body = { a: [1, 2.5, true, null, 'text'], b: { c: '', ключ: 'ünï' } };
    expect(read(body)).toBe(JSON.stringify(body));
    expect(read('plain words\n')).toBe('plain words\n');
    expect(read('7')).toBe('7');
  });

  it('is not there where a person could read nothing', () => {
    expect([read(''), read(' \n'), payloadOf(Buffer.from([0, 1, 2])), payloadOf(Buffer.from([0xff, 0xfe]))]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('of something else than text is as much of it as can be read', () => {
    expect(payloadOf(Buffer.from('GIF89a\x01\x00secret'))).toBe('GIF89a');
    expect(payloadOf(Buffer.concat([Buffer.from('abc'), Buffer.from([0xc3]), Buffer.from('def')]))).toBe('abc');
  });

  it.each([
    'password',
    'DB_PASSWORD',
    'userPasswd',
    'passphrase',
    'clientSecret',
    'access_token',
    'Authorization',
    'Proxy-Authorisation',
    'set-cookie',
    'apiKey',
    'api key',
    'X-API-Key',
    'privateKey',
    'secretAccessKey',
    'credentials',
    'sessionId',
    'pass\\u0077ord',
  ])('has nothing of what stands under %s', (key) => {
    for (const value of ['"hunter2"', '42', '["hunter2", 42]', '{"a": {"b": "hunter2"}}', '"a \\"hunter2"']) {
      const text = read(`{"before": 1, "${key}": ${value}, "after": 2}`) ?? '';
      expect(text).not.toMatch(/hunter2|42/);
      expect(text).toContain('"before":1');
      expect(text).toContain('"[redacted]","after":2');
      // Not JSON, for it is cut off; and JSON in a string, once and twice.
      expect(read(`{"before": 1, "${key}": ${value}, "after`)).not.toMatch(/hunter2|42/);
      const inner = `{"${key}": ${value}}`;
      expect(read({ Message: inner })).not.toMatch(/hunter2|42/);
      expect(read({ Message: JSON.stringify({ again: inner }) })).not.toMatch(/hunter2|42/);
      expect(read({ Message: `got ${inner}` })).not.toMatch(/hunter2|42/);
    }
  });

  it.each([
    ['a form', 'user=a&password=hunter2&next=b', 'user=a&password=[redacted]&next=b'],
    ['a form with JSON in it', 'payload=%7B%22password%22%3A%22hunter2%22%7D', 'payload={"password":[redacted]}'],
    ['a header', 'Host: a\nAuthorization: Bearer hunter2\nX: b', 'Host: a\nAuthorization: [redacted]\nX: b'],
    ['a cookie', 'Cookie: a=hunter2; b=hunter2', 'Cookie: [redacted]'],
    ['an assignment', 'PGPASSWORD=hunter2', 'PGPASSWORD=[redacted]'],
    ['a flag', 'mysql --password hunter2 -e x', 'mysql --password [redacted] -e x'],
    ['who and what in a flag', 'curl -u root:hunter2 http://a/', 'curl -u [redacted] http://a/'],
    ['an element', '<password>hunter2</password>', '<password>[redacted]'],
    ['a scheme', 'sent Bearer hunter2hunter2 there', 'sent Bearer [redacted] there'],
    ['a URL', 'postgres://root:hunter2@db/x', 'postgres://[redacted]@db/x'],
    ['a URL with anything in it', 'see https://u:p/hunter2@x@db:1/x now', 'see https://[redacted]@db:1/x now'],
    ['a token in a URL', 'https://hunter2hunter2@git/x', 'https://[redacted]@git/x'],
    ['a signature in a URL', 'https://a/b?x=1&sig=hunter2&y=2', 'https://a/b?x=1&[redacted]&y=2'],
  ])('has nothing of %s', (_, text, expected) => {
    expect(read(text)).toBe(expected);
    expect(read({ text })).not.toContain('hunter2');
  });

  it('has nothing of a value whose name stands beside it', () => {
    const env = [
      { name: 'DB_PASSWORD', value: 'hunter2' },
      { key: 'Authorization', values: ['hunter2'] },
      { name: 'MODE', value: 'fast' },
    ];
    expect(read(env)).toBe(
      '[{"name":"DB_PASSWORD","value":"[redacted]"},{"key":"Authorization","values":"[redacted]"},{"name":"MODE","value":"fast"}]',
    );
  });

  it('keeps what only looks a little like a secret', () => {
    const text = 'task_deleted_many_namespaces disk-usage-of-the-volume git@github.com:a/b https://host:80/x AKIA';
    expect(read(text)).toBe(text);
  });

  it('says how long a long string was, and where there was more', () => {
    expect(read({ a: 'x y '.repeat(1000) })).toBe(`{"a":"${'x y '.repeat(64)}… (4000 characters)"}`);
    expect(read({ a: Array.from({ length: 60 }, () => 0) })).toBe(`{"a":[${'0,'.repeat(50)}… 10 more]}`);
    expect(read('words '.repeat(2000))).toMatch(/^words [words ]*… \(of 12000 bytes\)$/);
    const big = `{"a":"${'x '.repeat(200_000)}","password":"hunter2"}`;
    expect(read(big)?.slice(0, 10)).toBe('{"a":"x x ');
  });

  it('does not claim a number that JSON could not carry', () => {
    expect(read('{"id":9007199254740993,"at":1.5e300}')).toBe('{"id":9.007199254740992e+15,"at":1.5e+300}');
  });

  it('turns no line around and commands no terminal', () => {
    const text = read({ a: '\u202egnp.exe\u0085\u001b[2J\ud800', b: '😀' }) ?? '';
    expect(text).toBe('{"a":"\\u202egnp.exe\\u0085\\u001b[2J\\ud800","b":"😀"}');
    expect(read('a\u202eb\u00adc')).toBe('a\\u202eb\\u00adc');
  });

  it('of a body 10,000 deep, and of one with __proto__', () => {
    expect(read(`${'['.repeat(10_000)}${']'.repeat(10_000)}`)).toBe(`${'['.repeat(13)}"…"${']'.repeat(13)}`);
    expect(read('{"__proto__":{"a":1},"constructor":2}')).toBe('{"__proto__":{"a":1},"constructor":2}');
  });
});

const letters = (characters: string, minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...characters), minLength, maxLength, size: 'max' });
const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const WORD = `${UPPER}${UPPER.toLowerCase()}`;
/** The secret as it is embedded, and the part of it that must not be seen again. */
const shape = fc.oneof(
  letters(UPPER, 16, 16).map((rest) => [`AKIA${rest}`, rest]),
  letters(UPPER, 16, 16).map((rest) => [`ASIA${rest}`, rest]),
  fc.tuple(fc.constantFrom('ghp_', 'gho_', 'ghs_', 'github_pat_'), letters(WORD, 36, 36)).map(([a, b]) => [a + b, b]),
  letters(`${WORD}-_`, 20, 26).map((rest) => [`glpat-${rest}`, rest]),
  fc.tuple(fc.constantFrom('xoxb', 'xoxp', 'xoxe.xoxp'), letters(`${WORD}-`, 20, 60)).map(([a, b]) => [`${a}-${b}`, b]),
  fc
    .tuple(letters(`${WORD}-_`, 16, 300), letters(`${WORD}-_`, 16, 900), letters(`${WORD}-_`, 16, 90))
    .map(([head, body, signature]) => [`eyJ${head}.eyJ${body}.${signature}`, signature]),
  letters(`${WORD}+/`, 64, 2000)
    .map((key) => key.replace(/.{64}/g, '$&\n'))
    .map((key) => [`-----BEGIN RSA PRIVATE KEY-----\n${key}\n-----END RSA PRIVATE KEY-----`, key]),
  fc
    .tuple(letters(WORD, 1, 12), letters(`${WORD}!$%@#*()+,.:;=~/`, 12, 60))
    .map(([user, password]) => [`https://${user}:${password}@db.example/x`, password]),
);
/** In JSON a name owns its value, whatever that holds. */
const named = fc
  .tuple(
    fc.constantFrom(
      'password',
      'Token',
      'client_secret',
      'authorization',
      'Cookie',
      'apiKey',
      'private-key',
      'CREDENTIAL',
    ),
    letters(`${WORD}"'\\\n äß€`, 12, 60),
  )
  .map(([name, value]) => ({ name, value }));

/** Any JSON, with `leaf` somewhere in it. */
const around = (leaf: unknown) =>
  fc
    .tuple(
      fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 5 }),
      fc.array(fc.string(), { minLength: 1, maxLength: 5 }),
      fc.boolean(),
    )
    .map(([others, path, list]) =>
      path.reduce<unknown>((value, key) => (list ? [...others, { [key]: value }] : { [key]: value, others }), leaf),
    );
/** What may stand beside a secret without being part of it: little, or so much that the secret lies where it is cut. */
const filler = fc
  .oneof(
    letters(' \n.,;!<>{}[]()äöü€😀', 0, 400),
    fc.integer({ min: 0, max: 9000 }).map((length) => 'wörd '.repeat(2000).slice(0, length)),
    fc
      .constantFrom(200, 240, 1000, 1010, 4000, 4040, 8150, 8180)
      .map((length) => 'word '.repeat(2000).slice(0, length)),
  )
  .map((text) => `${text} `);
/** Every dozen characters of it: a part would do for somebody who guesses. */
const pieces = (secret: string) =>
  Array.from({ length: secret.length - 11 }, (_, from) => secret.slice(from, from + 12));

describe('whatever arrives', () => {
  it('no secret survives in JSON, in JSON in a string, or in plain text, and nothing is too long', () => {
    fc.assert(
      fc.property(shape, filler, filler, fc.nat(3), ([secret = '', hidden = ''], before, after, form) =>
        fc.assert(
          fc.property(around(`${before}${secret}${after}`), (json) => {
            const text = `${before}${secret}${after}`;
            const body =
              form === 0 ? text : form === 1 ? JSON.stringify(json) : JSON.stringify({ m: JSON.stringify(json) });
            const payload = payloadOf(Buffer.from(form === 3 ? body.slice(0, -1) : body)) ?? '';
            expect(pieces(hidden).filter((piece) => payload.includes(piece))).toEqual([]);
            expect(Buffer.byteLength(payload)).toBeLessThanOrEqual(MAX_PAYLOAD);
          }),
          { numRuns: 4, endOnFailure: true },
        ),
      ),
      { numRuns: 500, endOnFailure: true },
    );
  });

  it('no secret is cut in two by where one stops looking, however much vanished before it', () => {
    const secret = `AKIA${UPPER.slice(0, 16)}`;
    for (let pad = 0; pad < 60; pad += 1) {
      for (const [vanishing, body] of [
        [950, (text: string) => JSON.stringify({ text })],
        [8110, (text: string) => text],
      ] as const) {
        const text = `eyJ${'a'.repeat(vanishing)} ${'.'.repeat(pad)} ${secret} and so on ${'... '.repeat(100)}`;
        expect(payloadOf(Buffer.from(body(text)))).not.toContain(secret.slice(0, 8));
      }
    }
  });

  it('no value survives that a name in JSON calls a secret', () => {
    fc.assert(
      fc.property(
        named.chain(({ name, value }) => fc.tuple(around({ [name]: value }), fc.constant(value), fc.boolean())),
        ([json, value, nested]) => {
          const body = JSON.stringify(nested ? { Message: JSON.stringify(json) } : json);
          const payload = payloadOf(Buffer.from(body)) ?? '';
          expect(payload).not.toContain(value);
          expect(payload).not.toContain(JSON.stringify(value).slice(1, -1));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('there is an answer, well-formed and within its limit, whatever the bytes', () => {
    const bytes = fc.uint8Array({ maxLength: 20_000, size: '+2' }).map((array) => Buffer.from(array));
    const texts = fc.string({ unit: 'binary', maxLength: 20_000, size: '+2' }).map((text) => Buffer.from(text));
    const jsons = fc.json({ maxDepth: 8 }).map((text) => Buffer.from(text));
    fc.assert(
      fc.property(fc.oneof(bytes, texts, jsons), (body) => {
        const payload = payloadOf(body);
        if (payload === undefined) return;
        expect(Buffer.byteLength(payload)).toBeLessThanOrEqual(MAX_PAYLOAD);
        expect(payload.isWellFormed()).toBe(true);
        expect(payload).not.toMatch(/[^\P{C}\t\r\n]/u);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['://', 'a:'],
    ['://:', ''],
    ['password', ' '],
    ['token', ''],
    ['-----BEGIN PRIVATE KEY-----', ''],
    ['-', ''],
    ['eyJ', '.'],
    ['password="', ''],
    ['\\"', 'secret'],
    [' -u ', ''],
  ])('costs little: %j, %j for ever', (once, again) => {
    const body = Buffer.from(`${once}${again}`.repeat(1 << 20).slice(0, 1 << 20));
    const cpu = process.cpuUsage();
    for (let turn = 0; turn < 5; turn += 1) payloadOf(body);
    const { user } = process.cpuUsage(cpu);
    // Quadratic in what is looked at would be seconds.
    expect(user / 5).toBeLessThan(200_000);
  });
});
