import { availableParallelism, tmpdir } from 'node:os';
import { PortcullisError } from '../base/errors.ts';
import { loadSecret } from '../config/secret.ts';
import type { ForgeKind } from '../forges/forge.ts';
import { openWriter } from '../forges/open.ts';
import { READERS } from '../forges/readers.ts';
import { planLines, reportLines } from '../forges/recreate-words.ts';
import { forgeOf } from '../restore/documents.ts';
import { restoreIntoForge } from '../restore/into-forge.ts';
import type { Snapshot, Vault } from '../vault/vault.ts';
import type { Arguments, Context } from './command.ts';
import { nameOf, progressTo } from './vault-access.ts';
import { printable } from './words.ts';

const KINDS: readonly ForgeKind[] = ['github', 'gitlab', 'gitea'];

export interface IntoRequest {
  readonly kind: ForgeKind;
  readonly repository: string;
  readonly tokenFile: string;
  readonly target: string;
  readonly url: string | undefined;
}

/** What `--into` asks for, or undefined without it. Throws `usage.wrong` for what does not go together. */
export function intoRequestOf(args: Arguments): IntoRequest | undefined {
  const into = args.text('into');
  const belonging = ['url', 'target', 'token-file', 'apply', 'gone'];
  if (into === undefined) {
    const alone = belonging.find((name) => args.flag(name) || args.text(name) !== undefined);
    if (alone !== undefined) throw wrong(`--${alone} goes with --into.`);
    return undefined;
  }
  const kind = KINDS.find((one) => one === into);
  if (kind === undefined) throw wrong(`--into takes ${KINDS.join(', ')}, not "${into}".`);
  for (const name of ['to', 'path', 'branch', 'tag', 'issue', 'pull', 'variable', 'format', 'as', 'environment'])
    if (args.text(name) !== undefined) throw wrong(`--into and --${name} exclude each other.`);
  for (const name of ['issues', 'pulls', 'variables', 'tar', 'resume', 'check'])
    if (args.flag(name)) throw wrong(`--into and --${name} exclude each other.`);
  const repository = args.text('repo');
  const tokenFile = args.text('token-file');
  if (repository === undefined) throw wrong('--into needs --repo, the repository in the snapshot.');
  if (tokenFile === undefined) throw wrong('--into needs --token-file.');
  const target = args.text('target') ?? repository;
  if (!/^[^/\s]+(\/[^/\s]+)+$/.test(target)) throw wrong(`--target takes a path such as acme/app, not "${target}".`);
  return { kind, repository, tokenFile, target, url: args.text('url') };
}

/** Plans, and with --apply makes, a repository in a forge. */
export async function restoreInto(
  { kind, repository, tokenFile, target, url: given }: IntoRequest,
  vault: Vault,
  snapshot: Snapshot,
  args: Arguments,
  context: Context,
): Promise<number> {
  const token = loadSecret({ file: tokenFile }, context.env);
  const { clock, interrupted: signal } = context;
  const from = await forgeOf({ vault, snapshot, signal });
  const url = given ?? (from.kind === kind ? from.url : undefined);
  if (url === undefined) throw wrong(`--url says where that ${kind} is: the snapshot is of ${from.kind}.`);
  const apply = args.flag('apply');
  const result = await restoreIntoForge({
    vault,
    snapshot,
    repository,
    writer: openWriter(kind, { url, token, clock }),
    token,
    url,
    target,
    apply,
    withGone: args.flag('gone'),
    temporary: tmpdir(),
    readers: READERS,
    environment: context.env,
    clock,
    signal,
    threads: availableParallelism(),
    progress: progressTo(context, ({ what, done, total }) => `${done} of ${total}: ${printable(what)}`),
    waiting: (ms, why) => context.err(`Waiting ${Math.ceil(ms / 1000)} s: ${printable(why)}`),
  });
  const { plan, report, failures, notes } = result;
  const of = { seq: snapshot.seq, time: snapshot.time, source: nameOf(snapshot), repository };
  if (args.json) context.out(`${JSON.stringify({ from: of, into: { kind, url }, applied: apply, ...result })}\n`);
  else {
    for (const note of notes) context.err(`NOTE ${note}`);
    for (const { path, reason } of failures) context.err(`NOT READ ${path}: ${reason}`);
    const lines = report === undefined ? planLines(plan) : reportLines(report);
    context.out(`${lines.map(printable).join('\n')}\n`);
    if (report === undefined) context.out('Nothing was made: this is the plan. --apply carries it out.\n');
  }
  const refused = report === undefined ? 0 : report.failed.length - plan.impossible.length;
  if (refused > 0)
    throw new PortcullisError(
      'restore.refused',
      `${refused} things could not be made in ${target}; the rest is there.`,
    );
  if (failures.length > 0)
    throw new PortcullisError('restore.partial', `${failures.length} parts of ${repository} could not be read.`);
  return 0;
}

function wrong(what: string): PortcullisError {
  return new PortcullisError('usage.wrong', what);
}
