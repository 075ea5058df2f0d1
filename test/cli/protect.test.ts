import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PortcullisError } from '../../daemon/base/errors.ts';
import type { ProtectFile } from '../../daemon/config/protect.ts';
import type { StoreConfig } from '../../daemon/config/schema.ts';
import { writeIdentity } from '../../daemon/config/state.ts';
import type { Protection } from '../../daemon/store/canary.ts';
import { FakeClock } from '../base/fake-clock.ts';
import { runCommand } from './context.ts';

const NO_FACTS = { outputsPersist: undefined, offHelper: false, serviceWatchdog: false, hardwareWatchdog: false };

let folder: string;
let out: string;
let examined: { store: StoreConfig; runtime: string }[];
let protection: Protection | PortcullisError;
const at = (name: string) => join(folder, name);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pc-immutable-'));
  await mkdir(at('run'));
  examined = [];
  protection = { kind: 'enforced', detail: "Immutable: enforced against the appliance's user." };
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function cli(...args: string[]): Promise<number> {
  const ran = await runCommand([...args, '--config', at('portcullis.yaml')], {
    clock: new FakeClock(),
    examineStore: async (store, runtime) => {
      examined.push({ store, runtime });
      if (protection instanceof PortcullisError) throw protection;
      return protection;
    },
    boxFacts: async () => ({ ...NO_FACTS, missing: [], uncounted: [] }),
    networkFacts: async () => ({ addresses: {}, defaultRoutes: [], timeServers: [], unknown: [] }),
  });
  out = ran.out + ran.err;
  return ran.code;
}

async function configure(immutable: boolean): Promise<void> {
  const config = {
    appliance: { state: 'state', runtime: 'run' },
    board: { driver: 'simulated', directory: 'board' },
    windows: [{ name: 'nightly', cron: '30 2 * * *', duration: '1h' }],
    vault: { store: { kind: 'directory', path: 'vault', ...(immutable ? { immutable } : {}) } },
    sources: [{ name: 'documents', kind: 'directory', path: 'documents' }],
  };
  await writeFile(at('portcullis.yaml'), JSON.stringify(config));
}

async function beInitialised(vaultId = 'b'): Promise<void> {
  await mkdir(at('state'), { recursive: true });
  const identity = { version: 1, id: 'a', vaultId, verifyKey: 'c', recipients: [] } as const;
  await writeIdentity(at('state/appliance.json'), { ...identity, recipients: [] });
}

const file = async () => JSON.parse(await readFile(at('protect.json'), 'utf8')) as ProtectFile;

/** A keeper that agrees to everything. */
async function keeper(): Promise<() => Promise<void>> {
  const server = createServer((socket) =>
    socket.on('data', (line) => {
      const { id } = JSON.parse(String(line)) as { id: number };
      socket.end(`${JSON.stringify({ type: 'done', id })}\n`);
    }),
  );
  await new Promise<void>((resolve) => server.listen(at('run/control'), resolve));
  return () => new Promise((resolve) => server.close(() => resolve()));
}

describe('a vault that is to be immutable', () => {
  it('is described for the protecting process by `config apply`, as long as it is to be', async () => {
    await beInitialised();
    await configure(false);
    expect(await cli('config', 'apply'), out).toBe(0);
    await expect(stat(at('protect.json'))).rejects.toMatchObject({ code: 'ENOENT' });
    await configure(true);
    expect(await cli('config', 'apply'), out).toBe(0);
    expect(await file()).toMatchObject({ path: at('vault'), vaultId: 'b', verifyKey: 'c', cleared: [] });
    expect((await stat(at('protect.json'))).mode & 0o777).toBe(0o644);
    await configure(false);
    expect(await cli('config', 'apply'), out).toBe(0);
    await expect(stat(at('protect.json'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('remembers what a person has cleared, in the same vault only', async () => {
    await beInitialised();
    await configure(true);
    expect(await cli('config', 'apply'), out).toBe(0);
    await expect(cli('clear', '4')).resolves.not.toBe(0);
    expect((await file()).cleared).toEqual([]);
    const close = await keeper();
    try {
      expect(await cli('clear', '4'), out).toBe(0);
      expect(await cli('clear', '4'), out).toBe(0);
    } finally {
      await close();
    }
    expect((await file()).cleared).toEqual([4]);
    expect(await cli('config', 'apply'), out).toBe(0);
    expect((await file()).cleared).toEqual([4]);
    await writeFile(at('protect.json'), 'rubbish');
    expect(await cli('config', 'apply'), out).toBe(0);
    expect((await file()).cleared).toEqual([]);
    await beInitialised('other');
    expect(await cli('config', 'apply'), out).toBe(0);
    expect(await file()).toMatchObject({ vaultId: 'other', cleared: [] });
  });

  it('is tried by `init`, where the protecting process will look for it', async () => {
    await configure(true);
    expect(await cli('init', '--recovery-key', at('recovery.key'), '--vault', at('vault')), out).toBe(0);
    expect(examined).toEqual([{ store: expect.objectContaining({ path: at('vault') }), runtime: at('run') }]);
    expect(out).toContain("Protection:    enforced. Immutable: enforced against the appliance's user.");
    expect((await file()).vaultId).toMatch(/^[0-9a-f]{32}$/);
    await rm(at('state'), { recursive: true });
    expect(await cli('init', '--recovery-key', at('another.key'), '--vault', at('elsewhere')), out).toBe(0);
    expect(examined).toHaveLength(1);
  });

  it('is tried by `doctor`, which says what holds, and what was not tried', async () => {
    await beInitialised();
    const told = async () => {
      await cli('doctor', '--json');
      const { findings } = JSON.parse(out) as { findings: { check: string; verdict: string; detail: string }[] };
      const finding = findings.find(({ check }) => check === 'store');
      return `${finding?.verdict}: ${finding?.detail}`;
    };
    await configure(false);
    expect(await told()).toContain('ok: ');
    expect(examined).toEqual([]);
    await configure(true);
    expect(await told()).toBe("ok: Immutable: enforced against the appliance's user.");
    protection = { kind: 'advisory', detail: 'Nothing but its isolation keeps it.' };
    expect(await told()).toBe('warning: Nothing but its isolation keeps it.');
    protection = new PortcullisError('store.gone', 'There is no vault.');
    expect(await told()).toMatch(/^warning: There is no vault\. .*not tried\.$/);
  });
});
