import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import { extractBranch } from '../sources/branch.ts';
import { restore } from '../vault/restore.ts';
import type { Snapshot, Vault } from '../vault/vault.ts';
import type { Command, Context } from './command.ts';
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
    to: { type: 'string', short: 't', value: 'DEST', about: 'Where to; an empty folder, or nothing yet. Required.' },
  },
  examples: [
    'portcullis restore 12 --to ./restored --key recovery.key',
    'portcullis restore --at 2026-04-24T12:00:00Z --source orders --to ./orders --store /mnt/vault --key recovery.key',
    'portcullis restore --source app --branch main --to main.bundle --key recovery.key',
  ],
  async run(args, context) {
    const to = args.text('to');
    if (to === undefined) throw new PortcullisError('usage.wrong', 'restore needs --to.');
    const path = args.text('path');
    const branch = args.text('branch');
    if (path !== undefined && branch !== undefined)
      throw new PortcullisError('usage.wrong', '--path and --branch exclude each other.');
    const vault = await openGiven(args, context);
    const snapshot = await chosen(vault, args, context);
    const result =
      branch === undefined
        ? await restoreFiles(context, vault, snapshot, to, path)
        : await restoreBranch(context, vault, snapshot, to, branch);
    const { failures, ...figures } = result;
    const from = {
      snapshot: snapshot.name,
      seq: snapshot.seq,
      time: snapshot.time,
      source: nameOf(snapshot),
      status: snapshot.status,
    };
    if (args.json) context.out(`${JSON.stringify({ to: resolve(to), from, ...figures, failures })}\n`);
    else {
      for (const { path: lost, reason } of failures) context.err(`NOT RESTORED ${lost}: ${reason}`);
      const what =
        'commit' in figures
          ? `branch ${branch} at ${figures.commit}`
          : `${figures.files} files, ${amount(figures.bytes)}`;
      context.out(
        `Restored ${what} of ${from.source} as of ${from.time} (snapshot ${from.seq}, ${from.status}) to ${to}.\n`,
      );
    }
    if (failures.length > 0)
      throw new PortcullisError(
        'restore.partial',
        `${failures.length} paths could not be restored whole; everything else is in ${to}.`,
      );
    return 0;
  },
};

type Failures = readonly { readonly path: string; readonly reason: string }[];

async function restoreFiles(
  context: Context,
  vault: Vault,
  snapshot: Snapshot,
  to: string,
  path: string | undefined,
): Promise<{ files: number; bytes: number; failures: Failures }> {
  return await restore({
    vault,
    snapshot,
    to,
    ...(path === undefined ? {} : { prefix: Buffer.from(trimmed(path)) }),
    signal: context.interrupted,
    progress: progressTo(context, ({ files, bytes }) => `${files} files, ${amount(bytes)}`),
  });
}

/** The whole repository is restored beside the destination first; git then takes the branch out of it. */
async function restoreBranch(
  context: Context,
  vault: Vault,
  snapshot: Snapshot,
  to: string,
  branch: string,
): Promise<{ commit: string; failures: Failures }> {
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
    const { failures } = await restoreFiles(context, vault, snapshot, join(whole, 'snapshot'), undefined);
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
