import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasCode, PortcullisError } from '../../daemon/base/errors.ts';
import { checkConfig, loadConfig } from '../../daemon/config/load.ts';
import { broken, SOUND } from './samples.ts';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portcullis-config-'));
  file = join(folder, 'portcullis.yaml');
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function failure(run: Promise<unknown>): Promise<PortcullisError> {
  const error = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof PortcullisError) return error;
  throw new Error(`no PortcullisError but ${String(error)}`);
}

describe('loadConfig', () => {
  it('reads paths from the folder the file stands in', async () => {
    await writeFile(file, SOUND);
    expect((await loadConfig(file)).appliance.state).toBe(join(folder, 'state'));
    expect(await checkConfig(file)).toEqual([]);
  });

  it('rejects with all faults, each with the file and its line', async () => {
    await writeFile(file, broken('state: state', 'sate: state').replace('30m', '30'));
    const error = await failure(loadConfig(file));
    expect(error.code).toBe('config.invalid');
    expect(error.exit).toBe(2);
    expect(error.what).toContain('2 faults');
    expect(error.what).toContain(`\n${file}:2: appliance.sate: found an unknown key; `);
    expect(error.what).toContain(`\n${file}:10: windows[0].duration: found 30; `);
    expect((await checkConfig(file)).map(({ path, line }) => `${path} ${line}`)).toEqual([
      'appliance.sate 2',
      'windows[0].duration 10',
    ]);
  });

  it.each<[string, () => Promise<unknown> | unknown, RegExp]>([
    ['is absent', () => undefined, /does not exist/],
    [
      'is a directory',
      () =>
        rm(file, { force: true })
          .then(() => mkdtemp(`${file}.`))
          .then((made) => (file = made)),
      /cannot be read: (it is not a regular file|EISDIR)/,
    ],
    ['is a FIFO nobody writes to', () => execFileSync('mkfifo', [file]), /cannot be read: it is not a regular file/],
    [
      'has a file for a folder',
      () => writeFile(file, '').then(() => (file = join(file, 'x'))),
      /cannot be read: ENOTDIR/,
    ],
  ])('rejects with config.missing when the file %s', async (_title, arrange, why) => {
    await arrange();
    const error = await failure(loadConfig(file));
    expect(hasCode(error, 'config.missing')).toBe(true);
    expect(error.what).toMatch(why);
    expect(error.what).toContain(file);
  });

  it('does not read more of a large file than it takes to refuse it', async () => {
    await writeFile(file, `# ${'x'.repeat(8 << 20)}`);
    expect((await failure(loadConfig(file))).what).toMatch(/found a file of more than 1048576 bytes/);
  });
});
