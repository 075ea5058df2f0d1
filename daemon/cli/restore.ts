import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { PortcullisError } from '../base/errors.ts';
import { READERS } from '../forges/readers.ts';
import type { RestoreOptions, RestoreReport, RestoreRequest } from '../restore/request.ts';
import { restorePart } from '../restore/restore.ts';
import type { Arguments, Command, Context } from './command.ts';
import { intoRequestOf, restoreInto } from './restore-into.ts';
import { destinationOf, requestOf, requestWords } from './restore-request.ts';
import { chosen, nameOf, openGiven, progressTo, VAULT_OPTIONS } from './vault-access.ts';
import { amount, printable } from './words.ts';

export const restoreCommand: Command = {
  name: 'restore',
  about: 'Restore a snapshot or a part of it: a path, a repository, a branch, a file, an issue, a variable.',
  positionals: ['[SNAPSHOT]'],
  options: {
    ...VAULT_OPTIONS,
    at: {
      type: 'string',
      value: 'TIME',
      about: 'The newest snapshot at or before this time (RFC 3339), instead of SNAPSHOT.',
    },
    source: { type: 'string', short: 's', value: 'NAME', about: 'Of this source.' },
    path: {
      type: 'string',
      short: 'p',
      value: 'PATH',
      about:
        'Only this path of the snapshot and what is below it; with --branch or --tag, this file or folder out of git.',
    },
    repo: {
      type: 'string',
      value: 'NAME',
      about: 'Only this repository of a forge (acme/app; acme/app.wiki is its wiki) or a git source.',
    },
    as: {
      type: 'string',
      value: 'FORM',
      about:
        'The repository, branch or tag as bare, clone or bundle. Default: bundle if --to ends in .bundle, else bare.',
    },
    branch: { type: 'string', short: 'b', value: 'NAME', about: 'Only this branch of the repository, as it was.' },
    tag: { type: 'string', value: 'NAME', about: 'Only this tag of the repository.' },
    issue: { type: 'string', value: 'NUMBER', about: 'Only this issue of the repository.' },
    issues: { type: 'boolean', about: 'Only the issues of the repository, all of them.' },
    pull: { type: 'string', value: 'NUMBER', about: 'Only this pull or merge request of the repository.' },
    pulls: { type: 'boolean', about: 'Only the pull or merge requests of the repository, all of them.' },
    variable: {
      type: 'string',
      value: 'NAME',
      about: 'Only this variable of the repository; without --repo, of the organisation, group or user.',
    },
    variables: { type: 'boolean', about: 'Only the variables, all of them.' },
    environment: { type: 'string', value: 'NAME', about: 'With variables: only those of this environment.' },
    format: {
      type: 'string',
      value: 'FORMAT',
      about:
        'json or markdown for issues and pull requests; env, json or calls (API calls) for variables. Default: each, in a folder.',
    },
    include: {
      type: 'string',
      value: 'GLOB',
      multiple: true,
      about: 'Only what matches and what is below it. May be given more than once.',
    },
    exclude: {
      type: 'string',
      value: 'GLOB',
      multiple: true,
      about: 'Not what matches and what is below it. May be given more than once.',
    },
    to: {
      type: 'string',
      short: 't',
      value: 'DEST',
      about:
        'Where to: for a snapshot or a path an empty folder, else nothing yet; - for standard output, which takes one file as it is. Required without --into.',
    },
    tar: {
      type: 'boolean',
      about: 'A tar archive (pax): DEST is a file that does not exist, or - for standard output.',
    },
    resume: { type: 'boolean', about: 'Go on with the same restore to the same folder, which was cut off.' },
    check: { type: 'boolean', about: 'Read back each file that was written, and compare it.' },
    into: {
      type: 'string',
      value: 'KIND',
      about:
        'Make the repository (--repo) again in a forge: github, gitlab or gitea (Forgejo too). Shows the plan, and makes nothing without --apply.',
    },
    url: { type: 'string', value: 'URL', about: "With --into: where the forge is. Default: the snapshot's own." },
    target: {
      type: 'string',
      value: 'NAME',
      about: 'With --into: path of the new repository. Default: that of --repo.',
    },
    'token-file': { type: 'string', value: 'FILE', about: 'With --into: file with a token that may write.' },
    apply: {
      type: 'boolean',
      about: 'With --into: carry the plan out. Only what is missing is made; run it again to go on.',
    },
    gone: { type: 'boolean', about: 'With --into: also what the origin had deleted when the snapshot was made.' },
  },
  examples: [
    'portcullis restore 12 --to ./restored --key recovery.key',
    'portcullis restore --at 2026-04-24T12:00:00Z --source orders --to ./orders --store /mnt/vault --key recovery.key',
    "portcullis restore 12 --to ./restored --include 'etc/**' --exclude '**/*.log' --check --key recovery.key",
    'portcullis restore 12 --to ./restored --resume --key recovery.key',
    'portcullis restore 12 --tar --to - --key recovery.key | tar -x --xattrs -C ./restored',
    'portcullis restore 12 --path etc/passwd --to - --key recovery.key',
    'portcullis restore --source app --branch main --to main.bundle --key recovery.key',
    'portcullis restore --source forge --repo acme/app --as clone --to ./app --key recovery.key',
    'portcullis restore --source forge --repo acme/app --branch main --path src/index.ts --to - --key recovery.key',
    'portcullis restore --source forge --repo acme/app --issue 12 --format markdown --to - --key recovery.key',
    'portcullis restore --source forge --repo acme/app --variable DATABASE_URL --format env --to app.env --key recovery.key',
    'portcullis restore --source forge --repo acme/app --into gitea --url https://git.example --target acme/app --token-file token --key recovery.key',
  ],
  async run(args, context) {
    const into = intoRequestOf(args);
    if (into !== undefined) {
      const vault = await openGiven(args, context);
      return restoreInto(into, vault, await chosen(vault, args, context), args, context);
    }
    const to = args.text('to');
    if (to === undefined) throw new PortcullisError('usage.wrong', 'restore needs --to, or --into.');
    // Where what is restored goes to standard output, what is said goes to standard error.
    const say = to === '-' ? (text: string) => context.err(text.trimEnd()) : context.out;
    const request = requestOf(args, to);
    const destination = destinationOf(args, request, to, context);
    const vault = await openGiven(args, context);
    const snapshot = await chosen(vault, args, context);
    const report = await restorePart(request, {
      vault,
      snapshot,
      to: destination,
      ...surroundings(to === '-' ? { ...context, terminal: false } : context),
    });
    tell(report, { request, options: { snapshot }, args, context, say, to });
    if (report.failures.length > 0)
      throw new PortcullisError(
        'restore.partial',
        `${report.failures.length} paths could not be restored whole; everything else is in ${to}.`,
      );
    return 0;
  },
};

function surroundings(context: Context): Omit<RestoreOptions, 'vault' | 'snapshot' | 'to'> {
  return {
    readers: READERS,
    environment: context.env,
    clock: context.clock,
    signal: context.interrupted,
    threads: availableParallelism(),
    progress: progressTo(
      context,
      ({ files, bytes, total }) => `${files} files, ${amount(bytes)} of at most ${amount(total)}`,
    ),
  };
}

interface Telling {
  readonly request: RestoreRequest;
  readonly options: Pick<RestoreOptions, 'snapshot'>;
  readonly args: Arguments;
  readonly context: Context;
  readonly say: (text: string) => void;
  readonly to: string;
}

function tell(report: RestoreReport, { request, options: { snapshot }, args, context, say, to }: Telling): void {
  const { gone, notes, failures } = report;
  const from = {
    snapshot: snapshot.name,
    seq: snapshot.seq,
    time: snapshot.time,
    source: nameOf(snapshot),
    status: snapshot.status,
  };
  if (args.json) {
    say(`${JSON.stringify({ to: to === '-' ? to : resolve(to), grain: request.grain, from, ...report })}\n`);
    return;
  }
  for (const { path, since } of gone)
    context.err(
      `GONE ${printable(path)}: deleted at the origin, not seen since ${since}; restored as it was last seen`,
    );
  for (const note of notes) context.err(`NOTE ${note}`);
  for (const { path: lost, reason } of failures) context.err(`NOT RESTORED ${lost}: ${reason}`);
  const files = `${report.files} files, ${amount(report.bytes)}`;
  const what =
    report.commit === undefined
      ? request.grain === 'snapshot' || request.grain === 'path'
        ? files
        : `${requestWords(request, snapshot)} (${files})`
      : `${requestWords(request, snapshot)} at ${report.commit}`;
  say(`Restored ${what} of ${from.source} as of ${from.time} (snapshot ${from.seq}, ${from.status}) to ${to}.\n`);
}
