import type { Variable } from '../forges/view.ts';

/**
 * `.env` files in the dialect of POSIX `sh`: `set -a; . ./FILE` gives every value exactly. A value stands in single quotes, where
 * every character but the quote is itself, line breaks too; the quote is `'\''`. Where a value has a quote and nothing that
 * double quotes would change, it stands in those. What `isPortable` is read the same by python-dotenv, Node's `--env-file` and Docker Compose.
 */
export function quoted(value: string): string {
  if (!value.includes("'")) return `'${value}'`;
  if (!/["\\$`!]/.test(value)) return `"${value}"`;
  return `'${value.replaceAll("'", "'\\''")}'`;
}

/**
 * Whether readers of `.env` files other than a shell take this value as it is. Some change Windows' line endings, and python-dotenv puts
 * values for `${NAME}` even in single quotes.
 */
export function isPortable(value: string): boolean {
  return !/[\\\r]|\$\{/.test(value) && !(value.includes("'") && /["$`!]/.test(value));
}

/** Why a variable cannot stand in a `.env` file, or undefined where it can. */
export function unfit({ name, value }: Pick<Variable, 'name' | 'value'>): string | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return 'a shell takes no such name';
  if (value?.includes('\0')) return 'it holds a NUL, which no environment takes';
  return undefined;
}

/** The lines of variables; what nobody has the value of stands there by name, as a comment. */
export function dotenv(variables: readonly Variable[]): string {
  return variables.map((variable) => `${entry(variable)}\n`).join('');
}

function entry(variable: Variable): string {
  const { name, value } = variable;
  const shown = name.replace(/\p{C}/gu, '?');
  if (value === undefined) return `# ${shown}: a secret; the forge gives nobody its value`;
  const why = unfit(variable);
  if (why !== undefined) return `# ${shown}: left out, ${why}`;
  const note = variable.file === true ? `# ${shown} is the content of a file at the forge\n` : '';
  return `${note}${name}=${quoted(value)}`;
}
