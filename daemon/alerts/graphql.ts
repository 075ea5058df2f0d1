/**
 * The fields that a GraphQL document's mutations ask for, whatever they are called there: an operation's own name and a
 * field's alias are the caller's choice, so neither counts. Fields of fragments that a mutation spreads count too, and those
 * of `query` and `subscription` do not. Total and linear, whatever `document` is.
 * https://spec.graphql.org/October2021/#sec-Language
 */
export function mutationFields(document: string): readonly string[] {
  if (!document.includes('mutation')) return [];
  const tokens = tokensOf(document);
  const mutations: Selection[] = [];
  const fragments = new Map<string, Selection>();
  for (let at = 0; at < tokens.length; ) {
    const open = selectionFrom(tokens, at);
    const { selection, next } = selectionAt(tokens, open);
    if (tokens[at] === 'mutation') mutations.push(selection);
    if (tokens[at] === 'fragment') fragments.set(tokens[at + 1] ?? '', selection);
    at = next;
  }
  const fields = new Set(mutations.flatMap((mutation) => mutation.fields));
  const spreads = mutations.flatMap((mutation) => mutation.spreads);
  for (const name of spreads) {
    const fragment = fragments.get(name);
    fragments.delete(name);
    for (const field of fragment?.fields ?? []) fields.add(field);
    for (const spread of fragment?.spreads ?? []) spreads.push(spread);
  }
  return [...fields];
}

interface Selection {
  readonly fields: readonly string[];
  /** Names of the fragments spread in it. */
  readonly spreads: readonly string[];
}

/** Names and punctuation; strings and comments are left out. */
function tokensOf(document: string): readonly string[] {
  const next = /\.\.\.|[A-Za-z_]\w*|[{}()[\]:@]|"""|"|#/g;
  const tokens: string[] = [];
  for (let match = next.exec(document); match !== null; match = next.exec(document)) {
    const [token] = match;
    if (token === '"""') next.lastIndex = endOfBlock(document, next.lastIndex);
    else if (token === '"') next.lastIndex = endOfString(document, next.lastIndex);
    else if (token === '#') next.lastIndex = endOfLine(document, next.lastIndex);
    else tokens.push(token);
  }
  return tokens;
}

function endOfBlock(document: string, from: number): number {
  for (let at = document.indexOf('"""', from); at >= 0; at = document.indexOf('"""', at + 3))
    if (document[at - 1] !== '\\') return at + 3;
  return document.length;
}

function endOfString(document: string, from: number): number {
  for (let at = from; at < document.length; at++) {
    const character = document[at];
    if (character === '\\') at++;
    else if (character === '"' || character === '\n' || character === '\r') return at + 1;
  }
  return document.length;
}

function endOfLine(document: string, from: number): number {
  for (let at = from; at < document.length; at++) if (document[at] === '\n' || document[at] === '\r') return at + 1;
  return document.length;
}

/** Where the selection of the definition at `from` opens: the first brace that is not in the parentheses of its variables. */
function selectionFrom(tokens: readonly string[], from: number): number {
  let depth = 0;
  for (let at = from; at < tokens.length; at++) {
    const token = tokens[at];
    if (token === '(') depth++;
    else if (token === ')') depth--;
    else if (token === '{' && depth <= 0) return at;
  }
  return tokens.length;
}

/** The selection whose brace stands at `open`, without what is nested in its fields; an inline fragment is part of it. */
function selectionAt(tokens: readonly string[], open: number): { selection: Selection; next: number } {
  const fields: string[] = [];
  const spreads: string[] = [];
  /** For each brace and parenthesis that is open, whether what stands in it belongs to the selection. */
  const levels = [true];
  let isInline = false;
  let at = open + 1;
  for (; at < tokens.length && levels.length > 0; at++) {
    const token = tokens[at] ?? '';
    const belongs = levels.at(-1) === true;
    if (token === '{' || token === '(' || token === '[') {
      levels.push(belongs && isInline && token === '{');
      if (token === '{' && belongs) isInline = false;
    } else if (token === '}' || token === ')' || token === ']') {
      levels.pop();
    } else if (!belongs || token === ':') {
      // Arguments, fields of fields, and what follows an alias.
    } else if (token === '@') {
      at++;
    } else if (token === '...') {
      const name = tokens[at + 1] ?? '';
      isInline = name === 'on' || !isName(name);
      if (name === 'on') at += 2;
      else if (isName(name)) spreads.push(tokens[++at] ?? '');
    } else if (tokens[at + 1] !== ':') {
      isInline = false;
      fields.push(token);
    }
  }
  return { selection: { fields, spreads }, next: at };
}

function isName(token: string): boolean {
  return /^\w/.test(token);
}
