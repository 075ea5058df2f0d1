import { isUtf8 } from 'node:buffer';
import { isAlias, isMap, isNode, isScalar, isSeq, Lexer, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { Fault } from './fault.ts';
import type { Place } from './place.ts';

/** Far more than five hundred sources need, and little enough to read in one go. */
export const MAX_BYTES = 1 << 20;
const MAX_DEPTH = 40;
/** One slip can make the parser stumble over the rest of the file: the first few say it all. */
const MAX_SYNTAX_FAULTS = 10;

/** What the library says in terms of its own API, said for those who write the file. */
const WORDS: Partial<Record<string, string>> = {
  DUPLICATE_KEY: 'a key that this mapping has already',
  MULTIPLE_DOCS: 'a second document',
};

export interface Yaml {
  /** What the file says, as far as it could be understood; undefined when it could not. */
  readonly value: unknown;
  /** The line of what stands at `place`, or of the innermost thing around it that exists. */
  lineOf(place: Place): number;
  readonly faults: readonly Fault[];
}

/**
 * Reads one YAML 1.2 document of plain values. Tags, anchors and aliases are refused: this file says what may connect
 * the vault, so what it says has to stand where one reads it (and no alias can blow up to a billion laughs).
 */
export function readYaml(bytes: Buffer): Yaml {
  if (bytes.length > MAX_BYTES) return broken(1, `a file of more than ${MAX_BYTES} bytes`, 'a smaller one');
  if (!isUtf8(bytes)) return broken(firstLineNotUtf8(bytes), 'bytes that are not UTF-8', 'text in UTF-8');
  const text = bytes.toString('utf8');
  const deep = firstLineTooDeep(text);
  if (deep !== undefined) return tooDeep(deep);

  const lines = new LineCounter();
  const lineAt = (offset: number) => Math.max(1, lines.linePos(offset).line);
  const document = parseDocument(text, { version: '1.2', lineCounter: lines, prettyErrors: false });
  const faults: Fault[] = [...document.errors, ...document.warnings]
    .slice(0, MAX_SYNTAX_FAULTS)
    .map(({ code, message, pos }) => fault(lineAt(pos[0]), WORDS[code] ?? message, 'one YAML 1.2 document'));
  // A key given twice leaves the rest readable; after any other error nothing further on can be trusted.
  if (document.errors.some(({ code }) => code !== 'DUPLICATE_KEY'))
    return { value: undefined, lineOf: () => 1, faults };

  let tooDeepAt: number | undefined;
  visit(document, {
    Node(_key, node, ancestors) {
      const line = lineAt(node.range?.[0] ?? 0);
      if (ancestors.length > MAX_DEPTH * 2 + 1) {
        tooDeepAt = line;
        return visit.BREAK;
      }
      const odd = isAlias(node)
        ? 'an alias'
        : node.anchor !== undefined
          ? 'an anchor'
          : node.tag !== undefined
            ? 'a tag'
            : '';
      if (odd !== '') faults.push(fault(line, odd, 'the value itself, written out'));
      return undefined;
    },
  });
  if (tooDeepAt !== undefined) return tooDeep(tooDeepAt);
  if (faults.some(({ found }) => found === 'an alias')) return { value: undefined, lineOf: () => 1, faults };
  const root: Node | null = document.contents;
  return { value: document.toJS(), lineOf: (place) => lineAt(offsetOf(root, place)), faults };
}

/** The offset of the key under which the value at `place` stands, or of the list item. */
function offsetOf(root: Node | null, place: Place): number {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const step of place) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === step);
      if (pair === undefined) break;
      offset = isNode(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      node = pair.value;
    } else if (isSeq(node)) {
      const item = typeof step === 'number' ? node.items[step] : undefined;
      if (item === undefined) break;
      offset = isNode(item) ? (item.range?.[0] ?? offset) : offset;
      node = item;
    } else break;
  }
  return offset;
}

/**
 * The parser is recursive and a file of brackets makes it run out of stack, which Node does not always survive. Tokens
 * are cheap: brackets that are not closed again, and `- - -` or `? ? ?` on one line.
 */
function firstLineTooDeep(text: string): number | undefined {
  let line = 1;
  let flow = 0;
  let block = 0;
  for (const token of new Lexer().lex(text)) {
    if (token === '[' || token === '{') flow++;
    else if (token === ']' || token === '}') flow--;
    else if (token === '-' || token === '?') block++;
    else if (token.includes('\n')) {
      block = 0;
      line += token.split('\n').length - 1;
    }
    if (flow > MAX_DEPTH || block > MAX_DEPTH) return line;
  }
  return undefined;
}

function firstLineNotUtf8(bytes: Buffer): number {
  let line = 1;
  for (let from = 0; ; line++) {
    const newline = bytes.indexOf(10, from);
    if (newline === -1 || !isUtf8(bytes.subarray(from, newline))) return line;
    from = newline + 1;
  }
}

function tooDeep(line: number): Yaml {
  return broken(line, 'values nested too deeply', `at most ${MAX_DEPTH} levels`);
}

function broken(line: number, found: string, accepted: string): Yaml {
  return { value: undefined, lineOf: () => 1, faults: [fault(line, found, accepted)] };
}

function fault(line: number, found: string, accepted: string): Fault {
  return { path: '', line, found, accepted };
}
