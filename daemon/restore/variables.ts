import { PortcullisError, reasonOf } from '../base/errors.ts';
import { folderOf } from '../forges/layout.ts';
import type { Variable } from '../forges/view.ts';
import { showPath } from '../vault/paths.ts';
import { absent } from './absent.ts';
import { apiCalls } from './calls.ts';
import { forgeOf, namedFiles, placeWords, readDocument } from './documents.ts';
import { dotenv, isPortable, unfit } from './dotenv.ts';
import { type Output, writeOutputs } from './outputs.ts';
import { problemAt } from './problems.ts';
import { readerFor } from './reader.ts';
import type { RestoreOptions, RestoreReport, RestoreRequest } from './request.ts';

type Request = Extract<RestoreRequest, { grain: 'variables' }>;

export interface FoundVariable extends Variable {
  readonly gone?: string;
  /** Of a pipeline schedule of GitLab, which then stands in place of the environment: no variable of the repository. */
  readonly schedule?: true;
}

/** Variables of a repository or owner as a `.env` file, JSON, and API calls. Files are for their owner's eyes only. */
export async function restoreVariables(request: Request, options: RestoreOptions): Promise<RestoreReport> {
  const { repository, name, environment, formats } = request;
  const forge = await forgeOf(options);
  const found = await variablesOf(request, options);
  if (found.length === 0) throw await noVariable(request, options);
  // A variable that was deleted is given to whoever asks for it by name; among all of them it is only told.
  const wanted = name === undefined ? found.filter(({ gone }) => gone === undefined) : found;
  const notes = [
    ...(await problemAt(options, folderOf('variables', repository))),
    ...wanted.flatMap((one) => remarks(one, formats)),
  ];
  const scopes = [...new Set(wanted.map((one) => one.environment))];
  const single = formats.length === 1;
  if (single && formats[0] === 'env' && scopes.length > 1 && options.to.kind === 'stream')
    throw new PortcullisError(
      'usage.wrong',
      `A .env file knows no environments, and there are ${scopes.map((one) => one ?? '(all)').join(', ')}: name one with --environment.`,
    );
  const to = {
    kind: forge.kind,
    url: forge.url,
    owner: forge.owner,
    repository: repository?.replace(/~\d+$/, ''),
  };
  async function* outputs(): AsyncGenerator<Output> {
    for (const format of formats) {
      if (format === 'json') yield { name: 'variables.json', bytes: `${JSON.stringify(found, undefined, 2)}\n` };
      if (format === 'calls')
        yield {
          name: 'variables.calls.sh',
          bytes: apiCalls(
            wanted.filter((one) => one.schedule !== true),
            to,
          ),
        };
      if (format === 'env')
        for (const scope of scopes)
          yield { name: envName(scope), bytes: dotenv(wanted.filter((one) => one.environment === scope)) };
    }
  }
  const one = single && !(formats[0] === 'env' && scopes.length > 1);
  const { files, bytes } = await writeOutputs(options.to, outputs(), { one, signal: options.signal });
  const gone = found.flatMap((variable) =>
    variable.gone === undefined
      ? []
      : [{ path: `${placeWords(repository)}/variables/${label(variable)}`, since: variable.gone }],
  );
  if (environment !== undefined && name === undefined)
    notes.push(`only of environment ${environment}; what is of every environment is not among them`);
  return { files, bytes, gone, failures: [], notes };
}

/** Reads the variables and the names of the secrets that are asked for, and no other document. */
export async function variablesOf(
  { repository, name, environment }: Omit<Request, 'formats' | 'grain'>,
  options: RestoreOptions,
): Promise<FoundVariable[]> {
  const reader = readerFor(options.readers, (await forgeOf(options)).kind);
  const found: FoundVariable[] = [];
  for (const collection of ['variables', 'secrets'] as const)
    for await (const file of namedFiles(options, collection, repository, name)) {
      const { document } = await readDocument(options, file);
      let variable: Variable;
      try {
        variable = reader.variable(document);
      } catch (error) {
        throw new PortcullisError('vault.damaged', `${showPath(file.path)} is no variable: ${reasonOf(error)}.`);
      }
      if (name !== undefined && variable.name !== name) continue;
      // A secret has no value, whatever its document says.
      const { value, ...rest } = variable;
      const kept = collection === 'secrets' || value === undefined ? rest : { ...rest, value };
      const schedule = /^(schedule [^/]*)\//.exec(document.key)?.[1];
      const of = schedule === undefined ? {} : { environment: schedule, schedule: true as const };
      found.push({ ...kept, ...of, ...(document.gone === undefined ? {} : { gone: document.gone }) });
    }
  return environment === undefined ? found : found.filter((one) => one.environment === environment);
}

function label({ name, environment }: Variable): string {
  return environment === undefined ? name : `${environment}/${name}`;
}

function remarks(variable: FoundVariable, formats: Request['formats']): string[] {
  if (variable.value === undefined) return [`${label(variable)} is a secret: the forge gives nobody its value`];
  if (variable.schedule === true && formats.includes('calls'))
    return [`${label(variable)} is not among the calls: it belongs to a pipeline schedule`];
  if (!formats.includes('env')) return [];
  const why = unfit(variable);
  if (why !== undefined) return [`${label(variable)} is not in the .env file: ${why}`];
  return isPortable(variable.value) ? [] : [`${label(variable)}: only a shell reads its line in the .env file exactly`];
}

function envName(environment: string | undefined): string {
  return environment === undefined ? 'variables.env' : `variables.${encodeURIComponent(environment)}.env`;
}

async function noVariable(request: Request, options: RestoreOptions): Promise<PortcullisError> {
  const { repository, name, environment } = request;
  const of = repository === undefined ? 'of the owner' : `of ${repository}`;
  const scope = environment === undefined ? '' : ` for environment ${environment}`;
  const what = name === undefined ? `variables ${of}${scope}` : `variable ${name} ${of}${scope}`;
  const [problem] = await problemAt(options, folderOf('variables', repository));
  return absent(options, problem === undefined ? what : `${what} (${problem})`, async (snapshot) => {
    return (await variablesOf(request, { ...options, snapshot })).length > 0;
  });
}
