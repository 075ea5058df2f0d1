import type { ForgeKind } from '../forges/forge.ts';
import type { Variable } from '../forges/view.ts';
import { quoted } from './dotenv.ts';

/** What calls are to: the same forge, and the repository or owner the variables are of. */
export interface CallsTo {
  readonly kind: ForgeKind;
  /** Of the API, as the source was configured: `https://api.github.com`, `https://gitlab.example`. */
  readonly url: string;
  /** Undefined: the owner's own. */
  readonly repository?: string | undefined;
  readonly owner: string;
}

/**
 * A shell script that makes variables again through the forge's API, one curl call each. Values stand in here-documents, which
 * reach curl through standard input: neither they nor the token, which curl reads from a file, are in the process list.
 */
export function apiCalls(variables: readonly Variable[], to: CallsTo): string {
  return [
    HEAD,
    `FORGE_URL=\${FORGE_URL:-${quotedInside(to.url)}}`,
    'call() {',
    `  curl --silent --show-error --fail-with-body --request "$1" --header @"$FORGE_AUTH" \\`,
    `    --header 'Content-Type: application/json' --data-binary @- "$FORGE_URL$2"`,
    '}',
    '',
    ...variables.map((variable) => call(variable, to)),
  ].join('\n');
}

const HEAD = `#!/bin/sh
# Holds values: keep it as private as they are. Needs curl 7.76 or newer.
# FORGE_AUTH names a file with one line, the header that proves who you are:
#   Authorization: Bearer TOKEN      (GitHub)
#   PRIVATE-TOKEN: TOKEN             (GitLab)
#   Authorization: token TOKEN       (Gitea, Forgejo)
set -eu
: "\${FORGE_AUTH:?name the file with the header that proves who you are}"`;

function call(variable: Variable, to: CallsTo): string {
  const { name, value } = variable;
  if (value === undefined) return `# ${printable(name)}: a secret; the forge gives nobody its value, set it by hand\n`;
  const { method, path, body } = request(variable, value, to);
  // One line of JSON, which begins with a brace: it cannot be the end of the here-document.
  return `call ${method} ${quoted(path)} <<'END'\n${JSON.stringify(body)}\nEND\n`;
}

/**
 * Sources: docs.github.com/rest/actions/variables; docs.gitlab.com/api/project_level_variables and group_level_variables; Gitea's
 * and Forgejo's own API description at /api/swagger.
 */
function request(
  variable: Variable,
  value: string,
  to: CallsTo,
): { readonly method: 'POST'; readonly path: string; readonly body: object } {
  const { name, environment } = variable;
  const { repository, owner } = to;
  const part = encodeURIComponent;
  switch (to.kind) {
    case 'github': {
      if (repository === undefined)
        return {
          method: 'POST',
          path: `/orgs/${part(owner)}/actions/variables`,
          body: { name, value, visibility: 'private' },
        };
      const of = `/repos/${repository.split('/').map(part).join('/')}`;
      const scope = environment === undefined ? '/actions' : `/environments/${part(environment)}`;
      return { method: 'POST', path: `${of}${scope}/variables`, body: { name, value } };
    }
    case 'gitlab': {
      const of = repository === undefined ? `/groups/${part(owner)}` : `/projects/${part(repository)}`;
      return {
        method: 'POST',
        path: `/api/v4${of}/variables`,
        body: {
          key: name,
          value,
          variable_type: variable.file === true ? 'file' : 'env_var',
          protected: variable.protected === true,
          masked: variable.masked === true,
          environment_scope: environment ?? '*',
        },
      };
    }
    case 'gitea': {
      const of =
        repository === undefined ? `/orgs/${part(owner)}` : `/repos/${repository.split('/').map(part).join('/')}`;
      return { method: 'POST', path: `/api/v1${of}/actions/variables/${part(name)}`, body: { value } };
    }
    default:
      return to.kind satisfies never;
  }
}

/** Text inside `${X:-…}`, where quotes alone do not end it. */
function quotedInside(text: string): string {
  return quoted(text.replace(/[^\x21-\x7e]|['"\\`$}]/g, (character) => encodeURIComponent(character)));
}

function printable(text: string): string {
  return text.replace(/\p{C}/gu, '?');
}
