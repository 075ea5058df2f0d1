import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../daemon/config/load.ts';
import { compileProtect, readOwnProtect, readProtect } from '../../daemon/config/protect.ts';
import type { Config } from '../../daemon/config/schema.ts';
import { broken, SOUND } from './samples.ts';

const WHO = { vaultId: 'ab'.repeat(16), verifyKey: 'key' };
const IMMUTABLE = broken('    path: vault\n', '    path: vault\n    immutable: true\n');

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pc-protect-'));
  path = join(folder, 'protect.json');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function configured(yaml: string): Promise<Config> {
  await writeFile(join(folder, 'portcullis.yaml'), yaml);
  return loadConfig(join(folder, 'portcullis.yaml'));
}

describe('what the protecting process goes by', () => {
  it('is nothing where the vault is not to be immutable', async () => {
    expect(compileProtect(await configured(SOUND), WHO, [])).toBeUndefined();
    expect(await readProtect(path)).toBeUndefined();
  });

  it('is the vault, its key, the clock and the rules of the configuration', async () => {
    const kept = IMMUTABLE.replace('sources:\n', '  keep: { daily: 7, grace: 2d }\nsources:\n');
    const compiled = compileProtect(await configured(kept), WHO, [3]);
    expect(compiled).toEqual({
      version: 1,
      path: join(folder, 'vault'),
      ...WHO,
      clock: 'synchronised',
      keep: { rules: { daily: 7, floor: 3 }, graceMs: 2 * 86_400_000 },
      cleared: [3],
    });
    await writeFile(path, JSON.stringify(compiled));
    expect(await readProtect(path)).toEqual(compiled);
    expect(compileProtect(await configured(IMMUTABLE), WHO, [])).not.toHaveProperty('keep');
  });

  it('is nothing that cannot be understood', async () => {
    await writeFile(path, '{}');
    await expect(readProtect(path)).rejects.toMatchObject({ code: 'config.protect' });
    await expect(readOwnProtect(join(folder, 'none'))).rejects.toMatchObject({ code: 'config.protect' });
  });

  it.skipIf(process.geteuid?.() !== 0)('is nothing that others than root could have written (needs root)', async () => {
    await writeFile(path, JSON.stringify(compileProtect(await configured(IMMUTABLE), WHO, [])), { mode: 0o644 });
    await readOwnProtect(path);
    const refused = { code: 'config.protect', message: expect.stringContaining('others than root') };
    await chmod(path, 0o664);
    await expect(readOwnProtect(path)).rejects.toMatchObject(refused);
    await chmod(path, 0o644);
    await chown(path, 65_534, 65_534);
    await expect(readOwnProtect(path)).rejects.toMatchObject(refused);
    await chown(path, 0, 0);
    await chmod(folder, 0o777);
    await expect(readOwnProtect(path)).rejects.toMatchObject(refused);
  });
});
