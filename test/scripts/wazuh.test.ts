import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Secret } from '../../daemon/base/secret.ts';
import { authenticatorOf } from '../../daemon/intake/schemes.ts';
import { detector, WHSEC } from '../intake/helpers.ts';
import { type Box, run, script, startBox } from './box.ts';

/** White space and letters that a parser would write anew in another way. */
const ALERT = '{ "id": "1.2",\n "rule": {"id": "100900", "level": 12, "description": "löscht"} }\n';

let directory: string;
let box: Box;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'wazuh-'));
  writeFileSync(join(directory, 'alert.json'), ALERT);
  writeFileSync(join(directory, 'secret'), `${WHSEC}\n`);
  box = await startBox();
});

afterEach(async () => {
  await box.close();
  rmSync(directory, { recursive: true });
});

const post = (secret = 'secret') =>
  run(script('portcullis-wazuh'), [join(directory, 'alert.json'), '-', box.url, 'debug'], {
    env: { PORTCULLIS_SECRET_FILE: join(directory, secret) },
  });

test('the alert arrives byte by byte, with a signature that the scheme accepts', async () => {
  expect(await post()).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(box.asked).toHaveLength(1);
  const [asked] = box.asked;
  expect(asked).toMatchObject({ method: 'POST', body: ALERT });
  const auth = { scheme: 'standard-webhooks', secrets: [Secret.fromText(WHSEC)], tolerance: '5m' } as const;
  const attempt = authenticatorOf({ ...detector, auth })(
    Object.entries(asked?.headers ?? {})
      .flat()
      .map(String),
    Date.now(),
  );
  if (attempt.kind !== 'signed') throw new Error(JSON.stringify(attempt));
  attempt.update(Buffer.from(ALERT));
  expect(attempt.verdict()).toMatchObject({ authentic: true });
});

test('a refusal is final, and said in one line without the secret', async () => {
  box.reply = { status: 401 };
  const { code, stderr } = await post();
  expect(code).toBe(1);
  expect(stderr).toMatch(/^custom-portcullis: HTTP Error 401: .*\n$/);
  expect(box.asked).toHaveLength(1);
});

test('without its secret it says so and sends nothing', async () => {
  const { code, stderr } = await post('none');
  expect(code).toBe(1);
  expect(stderr).toMatch(/^custom-portcullis: .*No such file.*\n$/);
  expect(box.asked).toHaveLength(0);
});
