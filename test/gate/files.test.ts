import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EMPTY_BUDGET } from '../../daemon/gate/budget.ts';
import { GateFiles } from '../../daemon/gate/files.ts';
import { CONFIG } from './rig.ts';

let folder: string;
let files: GateFiles;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portcullis-gate-files-'));
  files = new GateFiles(folder, 'box');
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const CAUSE = { kind: 'alert', reason: 'An agent destroys.', source: 'siem', rule: 'r1' } as const;
const clear = { version: 1, appliance: 'box', state: 'clear' };

describe('the latch on disk', () => {
  it('reads back as it was written, whole, for its owner only', async () => {
    for (const latch of [
      { kind: 'clear' },
      { kind: 'lockout', cause: CAUSE, wall: 5 },
      { kind: 'fault', cause: { kind: 'gate', reason: '' }, wall: 6.5 },
    ] as const) {
      await files.writeLatch(latch);
      expect(await files.readLatch(0)).toEqual(latch);
    }
    expect(await readdir(folder)).toEqual(['latch.json']);
  });

  it.each([
    ['absent', undefined],
    ['empty', ''],
    ['nonsense', 'clear'],
    ['cut off', '{"version":1,"appliance":"box","state":"cl'],
    ['null', 'null'],
    ['of another appliance', JSON.stringify({ ...clear, appliance: 'other' })],
    ['of another version', JSON.stringify({ ...clear, version: 2 })],
    ['of no version', JSON.stringify({ appliance: 'box', state: 'clear' })],
    ['a state nobody knows', JSON.stringify({ ...clear, state: 'open' })],
    ['clear with more to say', JSON.stringify({ ...clear, cause: CAUSE })],
    ['a lockout without its cause', JSON.stringify({ ...clear, state: 'lockout' })],
    ['clear twice', `${JSON.stringify(clear)}${JSON.stringify(clear)}`],
  ])('that is %s reads as lockout', async (_, content) => {
    if (content !== undefined) await writeFile(join(folder, 'latch.json'), content);
    const latch = await files.readLatch(7);
    expect(latch).toMatchObject({ kind: 'lockout', wall: 7, cause: { kind: 'gate' } });
    expect(latch.kind === 'lockout' && latch.cause.reason.length).toBeLessThanOrEqual(500);
  });

  it('that is a directory reads as lockout', async () => {
    await mkdir(join(folder, 'latch.json'));
    expect((await files.readLatch(0)).kind).toBe('lockout');
  });

  it('is written nowhere when its directory is gone, and says so', async () => {
    await rm(folder, { recursive: true });
    await expect(files.writeLatch({ kind: 'clear' })).rejects.toThrow('ENOENT');
    expect((await files.readLatch(0)).kind).toBe('lockout');
  });

  it('keeps its old content when the new one cannot be written', async () => {
    await files.writeLatch({ kind: 'lockout', cause: CAUSE, wall: 1 });
    // In the way of the temporary name.
    await mkdir(join(folder, '.latch.json.tmp'));
    await expect(files.writeLatch({ kind: 'clear' })).rejects.toThrow();
    expect((await files.readLatch(0)).kind).toBe('lockout');
  });
});

describe('the memory on disk', () => {
  it('reads back as it was written', async () => {
    const memory = { budget: { version: 1, uptime: 10, entries: [{ at: 1, ms: 2 }] }, wall: 99 };
    await files.writeMemory(memory);
    expect(await files.readMemory()).toEqual(memory);
  });

  it.each([
    undefined,
    '',
    'null',
    '{}',
    '{"budget":{"version":1,"uptime":-1,"entries":[]},"wall":0}',
    '{"budget":{"version":2,"uptime":1,"entries":[]},"wall":0}',
    '{"budget":{"version":1,"uptime":1,"entries":[{"at":1}]},"wall":0}',
    '{"budget":{"version":1,"uptime":null,"entries":[]},"wall":0}',
  ])('%j is unreadable, and never an empty budget', async (content) => {
    if (content !== undefined) await writeFile(join(folder, 'gate-memory.json'), content);
    expect(await files.readMemory()).toBeUndefined();
  });
});

describe('the accepted rules on disk', () => {
  it('read back as they were written, for their owner only', async () => {
    await files.writeAccepted(CONFIG);
    expect(await files.readAccepted()).toEqual(CONFIG);
    expect((await stat(join(folder, 'rules.json'))).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['absent', undefined],
    ['empty', ''],
    ['null', 'null'],
    ['cut off', JSON.stringify(CONFIG).slice(0, -1)],
    ['of another appliance', JSON.stringify({ ...CONFIG, appliance: 'other' })],
    ['of another version', JSON.stringify({ ...CONFIG, version: 2 })],
    ['with a key nobody knows', JSON.stringify({ ...CONFIG, more: true })],
    ['without limits', JSON.stringify({ ...CONFIG, limits: {} })],
    ['with a limit that is no number', JSON.stringify({ ...CONFIG, limits: { ...CONFIG.limits, leaseMs: null } })],
    ['with a window nobody can read', JSON.stringify({ ...CONFIG, windows: [{ ...CONFIG.windows[0], cron: 'x' }] })],
  ])('that are %s are none', async (_, content) => {
    if (content !== undefined) await writeFile(join(folder, 'rules.json'), content);
    expect(await files.readAccepted()).toBeUndefined();
  });

  it('keep their old content when the new one cannot be written', async () => {
    await files.writeAccepted(CONFIG);
    await mkdir(join(folder, '.rules.json.tmp'));
    await expect(files.writeAccepted({ ...CONFIG, windows: [] })).rejects.toThrow();
    expect(await files.readAccepted()).toEqual(CONFIG);
  });
});

describe('init', () => {
  it('creates a clear latch, an empty budget and the rules it began with, once, and leaves what is there', async () => {
    const state = join(folder, 'new', 'state');
    const fresh = new GateFiles(state, 'box');
    await fresh.create(5, CONFIG);
    expect(await fresh.readLatch(0)).toEqual({ kind: 'clear' });
    expect(await fresh.readMemory()).toEqual({ budget: EMPTY_BUDGET, wall: 5 });
    await fresh.writeLatch({ kind: 'lockout', cause: CAUSE, wall: 1 });
    await fresh.create(9, { ...CONFIG, windows: [] });
    expect((await fresh.readLatch(0)).kind).toBe('lockout');
    expect(await fresh.readAccepted()).toEqual(CONFIG);
    await chmod(join(state, 'latch.json'), 0o600);
    expect(JSON.parse(await readFile(join(state, 'gate-memory.json'), 'utf8'))).toMatchObject({ wall: 5 });
  });
});
