import { availableParallelism, tmpdir } from 'node:os';
import { isoTime, parseTime } from '../base/clock.ts';
import { PortcullisError } from '../base/errors.ts';
import { diff, type SnapshotChange } from '../restore/diff.ts';
import { refWords } from '../restore/refs.ts';
import { rewrittenIn } from '../restore/rewritten.ts';
import { globTest } from '../sources/glob.ts';
import { showPath } from '../vault/paths.ts';
import { findSnapshot, type Snapshot, snapshotAt, type Vault } from '../vault/vault.ts';
import type { Arguments, Command, Context } from './command.ts';
import { nameOf, openGiven, trimmed, VAULT_OPTIONS } from './vault-access.ts';
import { printable } from './words.ts';

export const diffCommand: Command = {
  name: 'diff',
  about: 'What changed between two snapshots: files, branches and tags, issues, variables (never their values).',
  positionals: ['[SNAPSHOT]', '[SNAPSHOT]'],
  options: {
    ...VAULT_OPTIONS,
    from: {
      type: 'string',
      value: 'TIME',
      about: 'Instead of the first: the newest snapshot of --source at or before it.',
    },
    to: { type: 'string', value: 'TIME', about: 'Instead of the second; default with --from: the newest.' },
    source: { type: 'string', short: 's', value: 'NAME', about: 'With --from and --to.' },
    path: {
      type: 'string',
      short: 'p',
      value: 'PATH',
      about: 'Only this path and what is below it, or a glob (**, *, ?).',
    },
    files: { type: 'boolean', about: 'Also the files that repositories and documents consist of.' },
    rewritten: {
      type: 'boolean',
      about:
        'Say which branches were rewritten instead of moved forward: fetches each repository whose branches moved into a temporary folder.',
    },
  },
  examples: [
    'portcullis diff 11 12 --key recovery.key',
    'portcullis diff 11 12 --path etc --key recovery.key',
    'portcullis diff --source forge --from 2026-04-23 --to 2026-04-24T12:00:00Z --rewritten --key recovery.key',
    'portcullis diff 11 12 --store /mnt/vault --key recovery.key --json',
  ],
  async run(args, context) {
    const vault = await openGiven(args, context);
    const [before, after] = await pairOf(args, vault);
    const path = args.text('path');
    const glob = path !== undefined && /[*?]/.test(path);
    const matches = glob ? globTest(path) : () => true;
    let count = 0;
    const pieces = { same: 0, read: 0 };
    for await (const change of diff({
      vault,
      before,
      after,
      signal: context.interrupted,
      files: args.flag('files') || glob,
      ...(path === undefined || glob ? {} : { prefix: trimmed(path) }),
      ...(args.flag('rewritten') ? { rewritten: rewrittenIn(surroundings(vault, after, context), tmpdir()) } : {}),
      pieces: (told) => Object.assign(pieces, told),
    })) {
      if (glob && (change.type !== 'path' || !matches(change.path.toString('utf8')))) continue;
      count += 1;
      context.out(args.json ? `${JSON.stringify(plain(change))}\n` : `${printed(change)}\n`);
    }
    const end = { type: 'end', changes: count, before: about(before), after: about(after), listPieces: pieces };
    if (args.json) context.out(`${JSON.stringify(end)}\n`);
    else if (count === 0) context.out('Nothing has changed.\n');
    return 0;
  },
};

function surroundings(vault: Vault, snapshot: Snapshot, context: Context) {
  return {
    vault,
    snapshot,
    environment: context.env,
    clock: context.clock,
    signal: context.interrupted,
    threads: availableParallelism(),
  };
}

async function pairOf(args: Arguments, vault: Vault): Promise<[Snapshot, Snapshot]> {
  const snapshots = await vault.snapshots();
  const [first, second] = args.positionals;
  const from = args.text('from');
  const source = args.text('source');
  if (first !== undefined && second !== undefined) {
    for (const name of ['from', 'to', 'source'])
      if (args.text(name) !== undefined) throw wrong(`Two snapshots and --${name} exclude each other.`);
    const pair = [first, second].map((meant) => findSnapshot(snapshots, vault.refused, meant));
    return pair as [Snapshot, Snapshot];
  }
  if (first !== undefined || from === undefined || source === undefined)
    throw wrong('Say which: two snapshots, or --source NAME with --from TIME and --to TIME.');
  const to = args.text('to');
  return [
    snapshotAt(snapshots, timeOf('from', from), source),
    snapshotAt(snapshots, to === undefined ? '9999' : timeOf('to', to), source),
  ];
}

function timeOf(name: string, text: string): string {
  const wall = parseTime(text);
  if (wall === undefined) throw wrong(`--${name} takes a time such as 2026-11-21T06:30:00Z, not "${text}".`);
  return isoTime(wall);
}

function about(snapshot: Snapshot): object {
  return { seq: snapshot.seq, snapshot: snapshot.name, time: snapshot.time, source: nameOf(snapshot) };
}

/** Lines of JSON, and one at the end without which they are not whole. */
function plain(change: SnapshotChange): object {
  if (change.type === 'path') return { ...change, path: showPath(change.path) };
  return change.type === 'document' ? { ...change, repository: change.repository ?? null } : change;
}

const SIGNS = {
  added: '+',
  created: '+',
  returned: '+',
  removed: '-',
  deleted: '-',
  gone: '-',
  changed: 'M',
  moved: 'M',
};

function printed(change: SnapshotChange): string {
  const sign = SIGNS[change.change];
  switch (change.type) {
    case 'path': {
      const what = change.what.length === 0 ? '' : `  (${change.what.join(', ')})`;
      return `${sign} ${showPath(change.path)}${change.of === 'directory' ? '/' : ''}${what}`;
    }
    case 'ref': {
      const ref = printable(`${refWords(change.ref)} of ${change.repository}`);
      if (change.change === 'created') return `${sign} ${ref}  ${change.after}`;
      if (change.change === 'deleted') return `${sign} ${ref}  was ${change.before}`;
      const how = change.rewritten === undefined ? '' : change.rewritten ? '  REWRITTEN' : '  forward';
      return `${sign} ${ref}  ${change.before} -> ${change.after}${how}`;
    }
    case 'repository':
      return `${sign} repository ${printable(change.repository)}  ${words(change.change)}`;
    case 'document': {
      const of = change.repository ?? 'the owner';
      return `${sign} ${change.collection} ${printable(`${change.key} of ${of}`)}  ${words(change.change)}`;
    }
    default:
      return change satisfies never;
  }
}

function words(change: string): string {
  return change === 'gone' ? 'deleted at the origin, kept in the snapshot' : change;
}

function wrong(what: string): PortcullisError {
  return new PortcullisError('usage.wrong', what);
}
