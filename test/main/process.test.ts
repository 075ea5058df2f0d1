import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../gate/rig.ts';

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

interface Script {
  readonly child: ChildProcess;
  readonly told: string[];
  readonly ended: Promise<[code: number | null, signal: string | null]>;
}

function run(how: string, supervised = false): Script {
  const child = spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'live-script.ts'), how], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...(supervised ? { PORTCULLIS_SUPERVISED: '1' } : {}) },
  });
  children.push(child);
  const told: string[] = [];
  child.stdin?.on('error', () => {});
  child.stdout?.on('data', (chunk: Buffer) => told.push(...chunk.toString().split('\n').filter(Boolean)));
  child.stderr?.resume();
  return { child, told, ended: once(child, 'close') as Script['ended'] };
}

async function ready(how: string, supervised = false): Promise<Script> {
  const script = run(how, supervised);
  await until(() => script.told.includes('ready'));
  return script;
}

describe('a process', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('on %s does its last act first, then stops', async (signal) => {
    const { child, told, ended } = await ready('well');
    child.kill(signal);
    expect(await ended).toEqual([0, null]);
    expect(told).toEqual(['ready', 'last act', 'stop']);
  });

  it.each([
    ['throws', 1],
    ['rejects', 1],
    ['cannot start', 1],
  ])('that %s does its last act and ends', async (how, code) => {
    const { told, ended } = run(how);
    expect((await ended)[0]).toBe(code);
    expect(told).toContain('last act');
  });

  it('does its last act before it says a word about an error', async () => {
    const { told, ended } = run('throws');
    await ended;
    expect(told.slice(told.indexOf('ready'), -1)).toEqual(['ready', 'last act', 'an error nobody caught']);
  });

  it('whose stop fails does its last act once more', async () => {
    const { child, told, ended } = await ready('fails to stop');
    child.kill('SIGTERM');
    expect((await ended)[0]).toBe(1);
    expect(told).toEqual(['ready', 'last act', 'stop', 'last act']);
  });

  it('that hangs while stopping goes at the second signal', async () => {
    const { child, told, ended } = await ready('hangs');
    child.kill('SIGTERM');
    await until(() => told.includes('stop'));
    child.kill('SIGTERM');
    expect((await ended)[0]).toBe(1);
  });

  it('stops when its supervisor is gone, and leaves Ctrl-C and a closed terminal to it', async () => {
    const { child, told, ended } = await ready('well', true);
    child.kill('SIGINT');
    child.kill('SIGHUP');
    child.stdin?.destroy();
    expect(await ended).toEqual([0, null]);
    expect(told).toEqual(['ready', 'last act', 'stop']);
  });

  it('goes on when nobody reads its log any more', async () => {
    const { child, told, ended } = await ready('talks');
    child.stderr?.destroy();
    const said = told.length;
    await Promise.race([ended, until(() => told.length > said + 20)]);
    expect(child.exitCode).toBeNull();
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(told.filter((line) => line === 'stop')).toHaveLength(1);
  });
});
