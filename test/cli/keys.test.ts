import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Context } from '../../daemon/cli/command.ts';
import { readIdentity } from '../../daemon/config/state.ts';
import { parseKeyFile } from '../../daemon/vault/key-file.ts';
import { listBatches } from '../../daemon/vault/staging.ts';
import { runCommand } from './context.ts';

let folder: string;
const at = (...names: string[]) => join(folder, ...names);
/** What a person answers, question by question. */
let answers: (string | ((said: string) => Promise<string>))[];
let said: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portcullis-keys-'));
  answers = [];
  const config = {
    appliance: { state: 'state', runtime: 'run' },
    board: { driver: 'simulated', directory: 'board' },
    windows: [{ name: 'nightly', cron: '30 2 * * *', duration: '1h' }],
    vault: { store: { kind: 'directory', path: 'board/disk' } },
    sources: [{ name: 'documents', kind: 'directory', path: 'documents' }],
  };
  await writeFile(at('portcullis.yaml'), JSON.stringify(config));
});
afterEach(() => rm(folder, { recursive: true }));

async function cli(...argv: string[]) {
  said = '';
  const person: Partial<Context> = {
    err: (text) => {
      said += `${text}\n`;
    },
    ask: async () => {
      const answer = answers.shift() ?? '';
      return typeof answer === 'string' ? answer : answer(said);
    },
  };
  const { code, out } = await runCommand([...argv, '--config', at('portcullis.yaml')], person);
  return { code, out: out + said };
}

const init = (...more: string[]) => cli('init', '--recovery-key', at('first.key'), ...more);
const identity = () => readIdentity(at('state', 'appliance.json'));
const shown = async () => JSON.parse((await cli('keys', '--json')).out) as { keys: Record<string, string>[] };
const parts = async () => (await listBatches(at('state', 'staging'))).map(({ draft }) => draft);

describe('init', () => {
  it('makes as many recovery keys as it is given files for, and each has opened its challenge', async () => {
    const { code, out } = await init('--recovery-key', at('second.key'));
    expect(code, out).toBe(0);
    expect(out.match(/opened its challenge/g)).toHaveLength(2);
    expect((await identity()).recipients.map(({ name, kind }) => [name, kind])).toEqual([
      ['first.key', 'recovery'],
      ['second.key', 'recovery'],
    ]);
    expect((await stat(at('first.key'))).mode & 0o777).toBe(0o600);
  });

  it('locks them with a passphrase that is typed twice', async () => {
    answers = ['long enough passphrase', 'long enough passphrasf'];
    expect((await init('--passphrase')).out).toContain('differ');
    answers = ['short', 'short'];
    expect((await init('--passphrase')).out).toContain('at least 12');
    expect(existsSync(at('state'))).toBe(false);
    answers = ['long enough passphrase', 'long enough passphrase'];
    expect((await init('--passphrase')).code).toBe(0);
    expect(parseKeyFile(await readFile(at('first.key'), 'utf8')).kind).toBe('locked');
    answers = ['long enough passphrase'];
    expect((await cli('snapshots', '--store', at('board/disk'), '--key', at('first.key'))).out).toContain(
      'no snapshot',
    );
    answers = ['another passphrase'];
    const { code, out } = await cli('snapshots', '--store', at('board/disk'), '--key', at('first.key'));
    expect([code, out]).toEqual([2, expect.stringContaining('[vault.passphrase]')]);
  });

  it.each([
    [['--recovery-key', 'first.key', '--recovery-key', './first.key'], 'two files'],
    [['--key', 'first.key', '--recovery-key', 'a.key'], 'goes with --adopt'],
    [['--adopt'], 'needs --key'],
    [['--adopt', '--key', 'first.key', '--recovery-key', 'a.key'], 'makes no key'],
  ])('%j is wrong use, and makes nothing', async (argv, what) => {
    const { code, out } = await cli('init', ...argv);
    expect([code, out]).toEqual([2, expect.stringContaining(what)]);
    expect(await readdir(folder)).toEqual(['portcullis.yaml']);
  });
});

describe('keys', () => {
  beforeEach(async () => {
    const { code, out } = await init();
    expect(code, out).toBe(0);
  });

  it('shows what there is, and says what one key alone means', async () => {
    const { out } = await cli('keys');
    expect(out).toContain('first.key');
    expect(out).toContain('There is one key');
    expect((await shown()).keys).toHaveLength(1);
  });

  it('adds a key whose file is at hand, for the next shipping to bring', async () => {
    await cli('keys', 'new', '--to', at('second.key'));
    expect((await identity()).recipients).toHaveLength(1);
    const { code, out } = await cli('keys', 'add', '--key', at('second.key'), '--name', 'safe in Bern');
    expect(code, out).toBe(0);
    expect((await identity()).recipients.map(({ name }) => name)).toEqual(['first.key', 'safe in Bern']);
    expect(await parts()).toMatchObject([{ objects: [expect.stringMatching(/^keys\/appliance-/)] }]);
    expect((await cli('keys', 'add', '--key', at('second.key'))).out).toContain('already');
  });

  it('adds a key that never comes here, when its holder answers', async () => {
    const { out } = await cli('keys');
    const appliance = / --for (\S+)/.exec(out)?.[1] ?? '';
    const made = JSON.parse((await cli('keys', 'new', '--to', at('far.key'), '--for', appliance, '--json')).out);
    const add = () => cli('keys', 'add', '--public-key', made.publicKey, '--name', 'far away');
    answers = ['0123456789abcdef'];
    const refused = await add();
    expect([refused.code, refused.out]).toEqual([2, expect.stringContaining('not the answer')]);
    expect(await parts()).toEqual([]);
    answers = [
      async (asked) => {
        const challenge = /keys answer ([0-9a-f]+) /.exec(asked)?.[1] ?? '';
        return (await cli('keys', 'answer', challenge, '--key', at('far.key'))).out;
      },
    ];
    const { code } = await add();
    expect(code).toBe(0);
    expect((await shown()).keys.map(({ publicKey }) => publicKey)).toContain(made.publicKey);
  });

  it('refuses the key of another vault', async () => {
    await cli('keys', 'new', '--to', at('other.key'), '--for', `${'ab'.repeat(16)}:${'cd'.repeat(32)}`);
    const { code, out } = await cli('keys', 'add', '--key', at('other.key'));
    expect([code, out]).toEqual([2, expect.stringContaining('[vault.other]')]);
    expect((await identity()).recipients).toHaveLength(1);
  });

  it('removes a key by name or fingerprint, and never the last recovery key', async () => {
    const [first] = (await shown()).keys;
    expect((await cli('keys', 'remove', first?.['fingerprint'] ?? '')).out).toContain('last recovery key');
    await cli('keys', 'add', '--drill');
    // A drill key on the box is none that a person can restore with.
    expect((await cli('keys', 'remove', 'first.key')).out).toContain('last recovery key');
    await cli('keys', 'new', '--to', at('second.key'));
    await cli('keys', 'add', '--key', at('second.key'));
    expect((await cli('keys', 'remove', 'nobody')).code).toBe(2);
    const { code, out } = await cli('keys', 'remove', first?.['fingerprint']?.slice(0, 6) ?? '');
    expect(code, out).toBe(0);
    expect((await identity()).recipients.map(({ name }) => name)).toEqual(['drills on this box', 'second.key']);
  });

  it('keeps a drill key on the box, one, and says what that means', async () => {
    const { out } = await cli('keys', 'add', '--drill');
    expect(out).toContain('whoever has the box and the vault can read everything');
    expect((await stat(at('state', 'keys', 'drill.key'))).mode & 0o777).toBe(0o600);
    expect((await cli('keys', 'add', '--drill')).out).toContain('already');
    expect((await shown()).keys.map(({ kind }) => kind)).toEqual(['recovery', 'drill']);
  });

  const scanner = ['zbarimg', 'rsvg-convert'].every((tool) => spawnSync(tool, ['--version']).status === 0);
  if (!scanner) console.error('\n*** The QR code of the recovery sheet is NOT scanned: no zbarimg and rsvg-convert.\n');

  it.skipIf(!scanner)('prints a sheet whose code a scanner reads as the key, and whose words are the key', async () => {
    const { code, out } = await cli(
      'keys',
      'sheet',
      '--key',
      at('first.key'),
      '--to',
      at('sheet.html'),
      '--name',
      '<b>',
    );
    expect(code, out).toBe(0);
    const page = await readFile(at('sheet.html'), 'utf8');
    expect(page).not.toContain('<b>');
    await writeFile(at('code.svg'), /<svg.*<\/svg>/s.exec(page)?.[0] ?? '');
    execFileSync('rsvg-convert', ['-w', '600', '-b', 'white', at('code.svg'), '-o', at('code.png')]);
    const scanned = execFileSync('zbarimg', ['-q', '--raw', at('code.png')], { encoding: 'utf8' });
    const key = parseKeyFile(await readFile(at('first.key'), 'utf8'));
    const read = parseKeyFile(scanned);
    if (key.kind !== 'open' || read.kind !== 'open') throw new Error('locked');
    expect(read.key.privateKey.reveal()).toEqual(key.key.privateKey.reveal());
    const words = [...page.matchAll(/<li>([a-z]+)<\/li>/g)].map(([, word]) => word).join(' ');
    const typed = parseKeyFile(scanned.replace(/^private-key: .*$/m, `private-key: ${words}`));
    expect(typed.kind === 'open' && typed.key.publicKey.equals(key.key.publicKey)).toBe(true);
  });

  it('prints of a locked key no word that opens anything', async () => {
    answers = ['long enough passphrase', 'long enough passphrase'];
    await cli('keys', 'new', '--to', at('locked.key'), '--passphrase');
    await cli('keys', 'sheet', '--key', at('locked.key'), '--to', at('sheet.html'));
    const page = await readFile(at('sheet.html'), 'utf8');
    expect(page).toContain('protected-key');
    expect(page).not.toContain('BIP 39');
  });
});
