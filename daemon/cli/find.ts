import { PortcullisError } from '../base/errors.ts';
import { type Found, find } from '../restore/find.ts';
import type { Subject } from '../restore/subject.ts';
import type { Arguments, Command } from './command.ts';
import { openGiven, trimmed, VAULT_OPTIONS } from './vault-access.ts';
import { printable, table } from './words.ts';

export const findCommand: Command = {
  name: 'find',
  about: 'When something first and last existed, and in which snapshots it changed.',
  positionals: [],
  options: {
    ...VAULT_OPTIONS,
    source: { type: 'string', short: 's', value: 'NAME', about: 'Only in snapshots of this source.' },
    path: { type: 'string', short: 'p', value: 'PATH', about: 'A path, or a glob (**, *, ?) of paths.' },
    repo: {
      type: 'string',
      value: 'NAME',
      about: 'A repository of a forge (acme/app) or a git source; alone, the repository itself.',
    },
    branch: { type: 'string', short: 'b', value: 'NAME', about: 'A branch of the repository.' },
    tag: { type: 'string', value: 'NAME', about: 'A tag of the repository.' },
    issue: { type: 'string', value: 'NUMBER', about: 'An issue of the repository.' },
    pull: { type: 'string', value: 'NUMBER', about: 'A pull or merge request of the repository.' },
    variable: {
      type: 'string',
      value: 'NAME',
      about: 'A variable or secret of the repository; without --repo, of the organisation, group or user.',
    },
  },
  examples: [
    'portcullis find --path etc/passwd --source files --key recovery.key',
    "portcullis find --path 'src/**/*.sql' --key recovery.key",
    'portcullis find --repo acme/app --branch main --key recovery.key',
    'portcullis find --repo acme/app --variable DATABASE_URL --store /mnt/vault --key recovery.key --json',
  ],
  async run(args, context) {
    const subject = subjectOf(args);
    const vault = await openGiven(args, context);
    const source = args.text('source');
    const snapshots = (await vault.snapshots()).filter((one) => source === undefined || one.source?.name === source);
    const { found, unread } = await find({ vault, snapshots, subject, signal: context.interrupted });
    if (found.length === 0 && unread.length === 0)
      throw new PortcullisError('restore.absent', `None of ${snapshots.length} snapshots has it.`);
    if (args.json) context.out(`${JSON.stringify({ found: found.map(plain), unread })}\n`);
    else for (const one of found) context.out(`${printed(one)}\n`);
    for (const { seq, reason } of args.json ? [] : unread)
      context.err(`Snapshot ${seq} could not be looked into: ${reason}.`);
    if (unread.length > 0)
      throw new PortcullisError(
        'vault.damaged',
        `${unread.length} of ${snapshots.length} snapshots could not be looked into; what is said is of the others.`,
      );
    return 0;
  },
};

function subjectOf(args: Arguments): Subject {
  const given = ['path', 'branch', 'tag', 'issue', 'pull', 'variable'].filter((name) => args.text(name) !== undefined);
  if (given.length > 1) throw wrong(`--${given[0]} and --${given[1]} exclude each other.`);
  const [kind] = given;
  const repository = args.text('repo');
  const text = args.text(kind ?? 'repo') ?? '';
  switch (kind) {
    case 'path':
      if (repository !== undefined) throw wrong('--path and --repo exclude each other.');
      return { kind, path: trimmed(text) };
    case 'branch':
    case 'tag':
      return { kind: 'ref', repository, ref: { kind, name: text } };
    case 'issue':
    case 'pull':
      if (repository === undefined) throw wrong(`--${kind} needs --repo.`);
      if (!/^[1-9]\d{0,9}$/.test(text)) throw wrong(`--${kind} takes a number, not "${text}".`);
      return { kind, repository, number: Number(text) };
    case 'variable':
      return { kind, repository, name: text };
    default:
      if (repository === undefined) throw wrong('Say what to look for: --path, --repo, --branch, --variable …');
      return { kind: 'repository', repository };
  }
}

function plain({ now, ...rest }: Found): object {
  return { ...rest, now: now === undefined ? 'absent' : now.gone === undefined ? 'there' : 'gone at the origin' };
}

function printed({ label, source, first, last, newest, now, sightings }: Found): string {
  const still = now !== undefined && now.gone === undefined;
  return [
    `${printable(label)}, source ${printable(source)}`,
    `first in snapshot ${first.seq} of ${first.time}; ${
      still
        ? `still there in the newest, ${newest.seq} of ${newest.time}`
        : `last in snapshot ${last.seq} of ${last.time}`
    }`,
    table(
      ['seq', 'time', 'what', ''],
      sightings.map(({ seq, time, what, detail = '' }) => [String(seq), time, what, printable(detail)]),
    ),
  ].join('\n');
}

function wrong(what: string): PortcullisError {
  return new PortcullisError('usage.wrong', what);
}
