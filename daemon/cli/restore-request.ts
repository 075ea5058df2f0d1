import { tmpdir } from 'node:os';
import { PortcullisError } from '../base/errors.ts';
import type { Destination, DocumentFormat, RestoreRequest, VariableFormat } from '../restore/request.ts';
import type { RefName, RepositoryForm } from '../sources/branch.ts';
import type { Snapshot } from '../vault/vault.ts';
import type { Arguments, Context } from './command.ts';
import { trimmed } from './vault-access.ts';

const FORMS: readonly RepositoryForm[] = ['bare', 'clone', 'bundle'];
const DOCUMENT_FORMATS: readonly DocumentFormat[] = ['json', 'markdown'];
const VARIABLE_FORMATS: readonly VariableFormat[] = ['env', 'json', 'calls'];

/** Of these, one command line names at most one. */
const GRAINS = ['issue', 'issues', 'pull', 'pulls', 'variable', 'variables'] as const;

/** What the command line asks for. Throws `usage.wrong` where it asks for more than one thing. */
export function requestOf(args: Arguments, to: string): RestoreRequest {
  const grains = GRAINS.filter((name) => args.flag(name) || args.text(name) !== undefined);
  if (grains.length > 1) throw wrong(`--${grains[0]} and --${grains[1]} exclude each other.`);
  const [grain] = grains;
  const ref = refOf(args);
  const form = formOf(args, to);
  const repository = args.text('repo');
  const path = args.text('path');
  const rest = ['branch', 'tag', 'path', 'as'].find((name) => args.text(name) !== undefined);
  if (grain !== undefined && rest !== undefined) throw wrong(`--${grain} and --${rest} exclude each other.`);
  switch (grain) {
    case 'issue':
    case 'issues':
    case 'pull':
    case 'pulls': {
      if (repository === undefined) throw wrong(`--${grain} needs --repo.`);
      const number = grain === 'issue' || grain === 'pull' ? numberOf(args, grain) : undefined;
      const formats = formatsOf(args, DOCUMENT_FORMATS);
      return { grain: grain.startsWith('issue') ? 'issue' : 'pull', repository, number, formats };
    }
    case 'variable':
    case 'variables':
      return {
        grain: 'variables',
        repository,
        name: args.text('variable'),
        environment: args.text('environment'),
        formats: formatsOf(args, VARIABLE_FORMATS),
      };
    case undefined:
      break;
    default:
      return grain satisfies never;
  }
  for (const name of ['format', 'environment'])
    if (args.text(name) !== undefined) throw wrong(`--${name} goes with --issue, --pull or --variable.`);
  if (ref !== undefined && path !== undefined) {
    if (args.text('as') !== undefined) throw wrong('--as and --path exclude each other.');
    return { grain: 'file', repository, ref, path: trimmed(path) };
  }
  if (ref !== undefined) return { grain: 'ref', repository, ref, as: form };
  if (path !== undefined && (repository !== undefined || args.text('as') !== undefined))
    throw wrong('A file of a repository needs --branch or --tag; --path alone is a path of the snapshot.');
  if (repository !== undefined || args.text('as') !== undefined) return { grain: 'repository', repository, as: form };
  const filter = { include: args.texts('include'), exclude: args.texts('exclude') };
  return path === undefined ? { grain: 'snapshot', ...filter } : { grain: 'path', path: trimmed(path), ...filter };
}

/** Where to, as the command line says. Throws `usage.wrong` for what does not go together. */
export function destinationOf(args: Arguments, request: RestoreRequest, to: string, context: Context): Destination {
  const files = request.grain === 'snapshot' || request.grain === 'path';
  const streamed = args.flag('tar') || to === '-';
  for (const name of ['tar', 'resume', 'check', 'include', 'exclude'])
    if (!files && (args.flag(name) || args.texts(name).length > 0))
      throw wrong(`--${name} goes with a snapshot or a path of it only.`);
  if (streamed && (args.flag('resume') || args.flag('check')))
    throw wrong('--resume and --check are for folders only.');
  if (to === '-')
    return {
      kind: args.flag('tar') ? 'archive stream' : 'stream',
      write: (bytes) => context.outBytes(bytes),
      temporary: tmpdir(),
    };
  if (args.flag('tar')) return { kind: 'archive', path: to };
  return files
    ? { kind: 'folder', path: to, resume: args.flag('resume'), check: args.flag('check') }
    : { kind: 'place', path: to };
}

/** What was asked for, in words. */
export function requestWords(request: RestoreRequest, snapshot: Snapshot): string {
  const repository = 'repository' in request ? request.repository : undefined;
  const of = repository === undefined ? '' : ` of ${repository}`;
  switch (request.grain) {
    case 'snapshot':
      return 'everything';
    case 'path':
      return request.path;
    case 'repository':
      return `repository ${repository ?? snapshot.source?.name ?? ''}`;
    case 'ref':
      return `${request.ref.kind} ${request.ref.name}${of}`;
    case 'file':
      return `${request.path} at ${request.ref.kind} ${request.ref.name}${of}`;
    case 'issue':
      return request.number === undefined ? `all issues${of}` : `issue ${request.number}${of}`;
    case 'pull':
      return request.number === undefined ? `all pull requests${of}` : `pull request ${request.number}${of}`;
    case 'variables':
      return request.name === undefined ? `all variables${of}` : `variable ${request.name}${of}`;
    case 'documents':
      return `${request.collection}${of}`;
    default:
      return request satisfies never;
  }
}

function refOf(args: Arguments): RefName | undefined {
  const branch = args.text('branch');
  const tag = args.text('tag');
  if (branch !== undefined && tag !== undefined) throw wrong('--branch and --tag exclude each other.');
  if (branch !== undefined) return { kind: 'branch', name: branch };
  return tag === undefined ? undefined : { kind: 'tag', name: tag };
}

function formOf(args: Arguments, to: string): RepositoryForm {
  const as = args.text('as');
  if (as === undefined) return to.endsWith('.bundle') ? 'bundle' : 'bare';
  const form = FORMS.find((one) => one === as);
  if (form === undefined) throw wrong(`--as takes ${FORMS.join(', ')}, not "${as}".`);
  return form;
}

function numberOf(args: Arguments, name: string): number {
  const text = args.text(name) ?? '';
  if (!/^[1-9]\d{0,9}$/.test(text)) throw wrong(`--${name} takes a number, not "${text}".`);
  return Number(text);
}

function formatsOf<Format extends string>(args: Arguments, all: readonly Format[]): readonly Format[] {
  const given = args.text('format');
  if (given === undefined) return all;
  const format = all.find((one) => one === given);
  if (format === undefined) throw wrong(`--format takes ${all.join(', ')} here, not "${given}".`);
  return [format];
}

function wrong(what: string): PortcullisError {
  return new PortcullisError('usage.wrong', what);
}
