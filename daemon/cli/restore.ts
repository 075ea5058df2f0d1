import { type FileHandle, mkdir, mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import { extractBranch } from '../sources/branch.ts';
import { globTest } from '../sources/glob.ts';
import { type Restored, restore } from '../vault/restore.ts';
import { directoryTarget } from '../vault/restore-directory.ts';
import { BytesTarget, type Sink, TarTarget } from '../vault/restore-stream.ts';
import type { RestoreTarget } from '../vault/restore-target.ts';
import type { Snapshot, Vault } from '../vault/vault.ts';
import type { Arguments, Command, Context } from './command.ts';
import { chosen, nameOf, openGiven, progressTo, trimmed, VAULT_OPTIONS } from './vault-access.ts';
import { amount } from './words.ts';

export const restoreCommand: Command = {
  name: 'restore',
  about: 'Restore a snapshot, one path of it, or one branch as it was.',
  positionals: ['[SNAPSHOT]'],
  options: {
    ...VAULT_OPTIONS,
    at: {
      type: 'string',
      value: 'TIME',
      about: 'The newest snapshot at or before this time (RFC 3339), instead of SNAPSHOT.',
    },
    source: { type: 'string', short: 's', value: 'NAME', about: 'Of this source.' },
    path: { type: 'string', short: 'p', value: 'PATH', about: 'Only this path and what is below it.' },
    branch: {
      type: 'string',
      short: 'b',
      value: 'NAME',
      about: 'Only this branch of a git source: a bare repository, or a bundle if --to ends in .bundle.',
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
        'Where to: an empty folder, or nothing yet; - for standard output, which takes one file as it is. Required.',
    },
    tar: {
      type: 'boolean',
      about: 'A tar archive (pax): DEST is a file that does not exist, or - for standard output.',
    },
    resume: { type: 'boolean', about: 'Go on with the same restore to the same folder, which was cut off.' },
    check: { type: 'boolean', about: 'Read back each file that was written, and compare it.' },
  },
  examples: [
    'portcullis restore 12 --to ./restored --key recovery.key',
    'portcullis restore --at 2026-04-24T12:00:00Z --source orders --to ./orders --store /mnt/vault --key recovery.key',
    "portcullis restore 12 --to ./restored --include 'etc/**' --exclude '**/*.log' --check --key recovery.key",
    'portcullis restore 12 --to ./restored --resume --key recovery.key',
    'portcullis restore 12 --tar --to - --key recovery.key | tar -x --xattrs -C ./restored',
    'portcullis restore 12 --path etc/passwd --to - --key recovery.key',
    'portcullis restore --source app --branch main --to main.bundle --key recovery.key',
  ],
  async run(args, context) {
    const to = args.text('to');
    if (to === undefined) throw new PortcullisError('usage.wrong', 'restore needs --to.');
    const path = args.text('path');
    const branch = args.text('branch');
    if (path !== undefined && branch !== undefined)
      throw new PortcullisError('usage.wrong', '--path and --branch exclude each other.');
    for (const other of branch === undefined ? [] : ['tar', 'resume', 'check', 'include', 'exclude']) {
      if (args.flag(other) || args.texts(other).length > 0)
        throw new PortcullisError('usage.wrong', `--branch and --${other} exclude each other.`);
    }
    // Where what is restored goes to standard output, what is said goes to standard error.
    const say = to === '-' ? (text: string) => context.err(text.trimEnd()) : context.out;
    const vault = await openGiven(args, context);
    const snapshot = await chosen(vault, args, context);
    const result =
      branch === undefined
        ? await restoreTo(context, vault, snapshot, to, args)
        : await restoreBranch(context, vault, snapshot, to, branch);
    const { failures, notes = [], ...figures } = result;
    const from = {
      snapshot: snapshot.name,
      seq: snapshot.seq,
      time: snapshot.time,
      source: nameOf(snapshot),
      status: snapshot.status,
    };
    if (args.json) {
      say(`${JSON.stringify({ to: to === '-' ? to : resolve(to), from, ...figures, notes, failures })}\n`);
    } else {
      for (const note of notes) context.err(`NOTE ${note}`);
      for (const { path: lost, reason } of failures) context.err(`NOT RESTORED ${lost}: ${reason}`);
      const what =
        'commit' in figures
          ? `branch ${branch} at ${figures.commit}`
          : `${figures.files} files, ${amount(figures.bytes)}`;
      say(`Restored ${what} of ${from.source} as of ${from.time} (snapshot ${from.seq}, ${from.status}) to ${to}.\n`);
    }
    if (failures.length > 0)
      throw new PortcullisError(
        'restore.partial',
        `${failures.length} paths could not be restored whole; everything else is in ${to}.`,
      );
    return 0;
  },
};

/** To a folder, an archive or standard output, as the arguments say. */
async function restoreTo(
  context: Context,
  vault: Vault,
  snapshot: Snapshot,
  to: string,
  args: Arguments,
): Promise<Restored> {
  const path = args.text('path');
  const filter = { include: args.texts('include'), exclude: args.texts('exclude') };
  const files = (target: RestoreTarget) =>
    restoreFiles(to === '-' ? { ...context, terminal: false } : context, vault, snapshot, target, {
      ...(path === undefined ? {} : { prefix: Buffer.from(trimmed(path)) }),
      ...(filter.include.length + filter.exclude.length === 0 ? {} : { wanted: wantedBy(filter) }),
    });
  const streamed = args.flag('tar') || to === '-';
  if (streamed && (args.flag('resume') || args.flag('check')))
    throw new PortcullisError('usage.wrong', '--resume and --check are for folders only.');
  if (!streamed) {
    const what = JSON.stringify({ snapshot: snapshot.name, path, ...filter });
    return files(await directoryTarget({ to, what, resume: args.flag('resume'), check: args.flag('check') }));
  }
  if (to === '-') {
    const sink: Sink = (bytes) => context.outBytes(bytes);
    return files(args.flag('tar') ? new TarTarget(sink) : new BytesTarget(sink));
  }
  const archive = await newFile(to);
  try {
    // Not `write`, which on a full disk writes a part and says nothing.
    const restored = await files(new TarTarget((bytes) => archive.appendFile(bytes)));
    await archive.sync();
    return restored;
  } finally {
    await archive.close();
  }
}

async function newFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    throw new PortcullisError('vault.destination', `${path} cannot be made: ${reasonOf(error)}.`);
  }
}

/** Whether a path, or a folder it is in, matches one of `include` (where there are any), and none of `exclude`. */
function wantedBy(filter: { readonly include: readonly string[]; readonly exclude: readonly string[] }) {
  const include = filter.include.map(globTest);
  const exclude = filter.exclude.map(globTest);
  return (path: Buffer): boolean => {
    const names = path.toString('utf8').split('/');
    const above = names.map((_, index) => names.slice(0, index + 1).join('/'));
    const matches = (tests: readonly ((path: string) => boolean)[]) =>
      above.some((at) => tests.some((test) => test(at)));
    return (include.length === 0 || matches(include)) && !matches(exclude);
  };
}

async function restoreFiles(
  context: Context,
  vault: Vault,
  snapshot: Snapshot,
  target: RestoreTarget,
  part: { readonly prefix?: Buffer; readonly wanted?: (path: Buffer) => boolean } = {},
): Promise<Restored> {
  return await restore({
    vault,
    snapshot,
    target,
    threads: availableParallelism(),
    ...part,
    signal: context.interrupted,
    progress: progressTo(
      context,
      ({ files, bytes, total }) => `${files} files, ${amount(bytes)} of at most ${amount(total)}`,
    ),
  });
}

/** The whole repository is restored beside the destination first; git then takes the branch out of it. */
async function restoreBranch(
  context: Context,
  vault: Vault,
  snapshot: Snapshot,
  to: string,
  branch: string,
): Promise<{ commit: string; failures: Restored['failures']; notes?: Restored['notes'] }> {
  if (snapshot.source !== undefined && snapshot.source.kind !== 'git') {
    throw new PortcullisError(
      'usage.wrong',
      `${snapshot.source.name} is a ${snapshot.source.kind} source: it has no branches.`,
    );
  }
  const beside = dirname(resolve(to));
  const whole = await mkdir(beside, { recursive: true })
    .then(() => mkdtemp(join(beside, '.portcullis-restore-')))
    .catch((error: unknown) => {
      throw new PortcullisError('vault.destination', `Nothing can be made in ${beside}: ${reasonOf(error)}.`);
    });
  try {
    const beneath = join(whole, 'snapshot');
    const target = await directoryTarget({ to: beneath, resume: false, what: snapshot.name, check: false });
    const { failures } = await restoreFiles(context, vault, snapshot, target);
    if (failures[0] !== undefined) {
      throw new PortcullisError(
        'restore.partial',
        `The repository is not whole (${failures.length} paths, first ${failures[0].path}: ${failures[0].reason}).`,
      );
    }
    const [repository] = await readdir(join(whole, 'snapshot'));
    if (repository === undefined)
      throw new PortcullisError('branch.missing', `Snapshot ${snapshot.seq} holds no repository.`);
    const { commit } = await extractBranch({
      repository: join(whole, 'snapshot', repository),
      branch,
      dest: to,
      environment: context.env,
      signal: context.interrupted,
      clock: context.clock,
    });
    return { commit, failures: [] };
  } finally {
    await rm(whole, { recursive: true, force: true });
  }
}
