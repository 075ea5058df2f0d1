import { EffortSpent } from './effort.ts';

/** One program that a command line starts. */
export interface Program {
  /** The program and its arguments as it gets them: without quotes, with blanks in them where they were quoted. */
  readonly words: readonly string[];
  /** What its standard input is known to be: a here-document. */
  readonly input: string;
}

export interface CommandLine {
  /** Programs joined by pipes, in their order. */
  readonly pipelines: readonly (readonly Program[])[];
  /** Command lines that the shell runs to put their output into this one. */
  readonly nested: readonly string[];
}

/** In `posix` a backslash takes the next character as it is; in `windows` it is a letter, as in C:\Users. */
export type Backslash = 'posix' | 'windows';

/** A command line of more programs, or a program of more words, is not read. */
const MAX_PROGRAMS = 5000;
const MAX_WORDS = 20_000;

/**
 * Reads a command line as a shell does, as far as that goes without running it: quotes, escapes, pipes, lists, redirections,
 * here-documents, substitutions and variables that the line itself sets. What no shell would accept is read somehow. Linear
 * in the length of `line`; throws EffortSpent when it is longer than anybody types.
 * https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html
 */
export function readShell(line: string, backslash: Backslash): CommandLine {
  return new Reader(line, backslash).read();
}

const BLANK = /[ \t\r]/;
/** Letters that mean nothing but themselves; # only when a word has begun. */
const PLAIN = /[^\s\\'"$`<>;&|()#]+/y;
/** So much may come of the variables of one line. */
const MAX_EXPANDED = 1 << 16;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const BRACED = /\{([A-Za-z_][A-Za-z0-9_]*)(?::?[-=]([^{}]*))?\}/y;
const SET = /^([A-Za-z_][A-Za-z0-9_]*)=/;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };

class Reader {
  readonly #line: string;
  readonly #backslash: Backslash;
  readonly #pipelines: Program[][] = [];
  readonly #nested: string[] = [];
  readonly #variables = new Map<string, string>();
  /** Here-documents whose text starts at the next line. */
  readonly #awaited: { readonly end: string; readonly program: { input: string } }[] = [];
  /** Quotes that are never closed from here on: they are letters then. */
  readonly #unpaired = new Set<string>();
  #at = 0;
  #programs: Program[] = [];
  #words: string[] = [];
  #current = { input: '' };
  #count = 0;
  #expanded = 0;
  #subshells = 0;
  /** Undefined between words. */
  #word: string | undefined;
  #quoted = false;

  constructor(line: string, backslash: Backslash) {
    this.#line = line;
    this.#backslash = backslash;
  }

  read(): CommandLine {
    while (this.#at < this.#line.length) this.#step();
    this.#endPipeline();
    return { pipelines: this.#pipelines, nested: this.#nested };
  }

  #step(): void {
    const letter = this.#line[this.#at] ?? '';
    const next = this.#line[this.#at + 1];
    if (letter === '\n') {
      this.#at++;
      this.#endPipeline();
      this.#takeAwaited();
    } else if (BLANK.test(letter)) {
      this.#at++;
      this.#endWord();
    } else if (letter === '\\' && this.#backslash === 'posix') {
      if (next !== '\n') this.#add(next ?? '');
      this.#at += 2;
    } else if (letter === "'") this.#single();
    else if (letter === '"') this.#double();
    else if (letter === '$') this.#dollar(false);
    else if (letter === '`') this.#backquote();
    else if ((letter === '<' || letter === '>') && next === '(') this.#substitute(2);
    else if (letter === '<' || letter === '>') this.#redirect(letter);
    else if (letter === ';' || letter === '&') {
      this.#at++;
      if (letter === '&' && next === '>') return;
      this.#endPipeline();
    } else if (letter === '|') {
      this.#at += next === '&' ? 2 : 1;
      if (next === '|') this.#endPipeline();
      else this.#endProgram();
    } else if (letter === '(' && this.#word === undefined) {
      this.#at++;
      this.#subshells++;
      this.#endPipeline();
    } else if (letter === ')' && this.#subshells > 0) {
      this.#at++;
      this.#subshells--;
      this.#endPipeline();
      // Told as a program, so that what stands in brackets is known to go into the pipe.
      if (/^[ \t]*\|(?!\|)/.test(this.#line.slice(this.#at, this.#at + 20))) this.#push(')');
    } else if (letter === '#' && this.#word === undefined) this.#at = this.#find('\n', this.#at);
    else {
      PLAIN.lastIndex = this.#at;
      const plain = PLAIN.exec(this.#line)?.[0] ?? letter;
      this.#add(plain);
      this.#at += plain.length;
    }
  }

  #add(text: string): void {
    this.#word = (this.#word ?? '') + text;
  }

  /** Where `what` stands at or after `from`, or the end. */
  #find(what: string, from: number): number {
    const found = this.#line.indexOf(what, from);
    return found < 0 ? this.#line.length : found;
  }

  /** The place of the closing `quote`, or undefined, and then the opening one is taken as a letter. */
  #closing(quote: string): number | undefined {
    const to = this.#unpaired.has(quote) ? -1 : this.#line.indexOf(quote, this.#at + 1);
    if (to >= 0) return to;
    this.#unpaired.add(quote);
    this.#add(quote);
    this.#at++;
    return undefined;
  }

  #single(): void {
    const to = this.#closing("'");
    if (to === undefined) return;
    this.#quote(this.#line.slice(this.#at + 1, to));
    this.#at = to + 1;
  }

  #quote(text: string): void {
    this.#add(text);
    this.#quoted = true;
  }

  #double(): void {
    if (this.#closing('"') === undefined) return;
    this.#quote('');
    this.#at++;
    while (this.#at < this.#line.length) {
      const letter = this.#line[this.#at] ?? '';
      const next = this.#line[this.#at + 1] ?? '';
      if (letter === '"') {
        this.#at++;
        return;
      }
      if (letter === '\\' && this.#backslash === 'posix') {
        if (next !== '\n') this.#add('$`"\\'.includes(next) ? next : letter + next);
        this.#at += 2;
      } else if (letter === '$') this.#dollar(true);
      else if (letter === '`') this.#backquote();
      else {
        this.#add(letter);
        this.#at++;
      }
    }
  }

  #dollar(isQuoted: boolean): void {
    const next = this.#line[this.#at + 1];
    if (next === '(') this.#substitute(2);
    else if (next === "'" && !isQuoted) this.#ansi();
    else this.#variable(isQuoted);
  }

  #variable(isQuoted: boolean): void {
    NAME.lastIndex = this.#at + 1;
    BRACED.lastIndex = this.#at + 1;
    const plain = NAME.exec(this.#line);
    const braced = plain === null ? BRACED.exec(this.#line) : null;
    const name = plain?.[0] ?? braced?.[1];
    this.#at += 1 + (plain ?? braced ?? [''])[0].length;
    if (name === undefined) this.#add('$');
    else if (name === 'IFS' && !isQuoted) this.#endWord();
    else {
      const value = this.#variables.get(name) ?? braced?.[2] ?? `$${name}`;
      this.#expanded += value.length;
      if (this.#expanded > MAX_EXPANDED + this.#line.length) throw new EffortSpent();
      this.#add(value);
    }
  }

  /** $'…' */
  #ansi(): void {
    this.#at += 2;
    this.#quote('');
    while (this.#at < this.#line.length) {
      const letter = this.#line[this.#at] ?? '';
      this.#at++;
      if (letter === "'") return;
      if (letter !== '\\') {
        this.#add(letter);
        continue;
      }
      const code = /^(?:x([0-9a-f]{1,2})|u([0-9a-f]{1,4})|([0-7]{1,3}))/i.exec(
        this.#line.slice(this.#at, this.#at + 5),
      );
      if (code !== null) {
        const hex = code[1] ?? code[2];
        this.#add(
          String.fromCharCode(hex === undefined ? Number.parseInt(code[3] ?? '', 8) : Number.parseInt(hex, 16)),
        );
        this.#at += code[0].length;
      } else {
        const escaped = this.#line[this.#at] ?? '';
        this.#add(ESCAPES[escaped] ?? escaped);
        this.#at++;
      }
    }
  }

  #backquote(): void {
    const to = this.#closing('`');
    if (to === undefined) return;
    this.#nested.push(this.#line.slice(this.#at + 1, to));
    this.#add('$()');
    this.#at = to + 1;
  }

  /** $(…), <(…) and >(…), whose first `skip` characters are the opening. */
  #substitute(skip: number): void {
    const from = this.#at + skip;
    let depth = 1;
    let at = from;
    let quote = '';
    for (; at < this.#line.length && depth > 0; at++) {
      const letter = this.#line[at] ?? '';
      if (letter === '\\' && quote !== "'") at++;
      else if (quote !== '') quote = letter === quote ? '' : quote;
      else if (letter === "'" || letter === '"') quote = letter;
      else if (letter === '(') depth++;
      else if (letter === ')') depth--;
    }
    this.#nested.push(this.#line.slice(from, depth === 0 ? at - 1 : at));
    this.#add('$()');
    this.#at = at;
  }

  /** Files are told as words, so that rules see what is written to a disk. */
  #redirect(letter: string): void {
    const rest = this.#line.slice(this.#at, this.#at + 4);
    if (this.#word !== undefined && /^\d+$/.test(this.#word) && !this.#quoted) this.#word = undefined;
    this.#endWord();
    const here = /^<<(-?)(?!<)/.exec(rest);
    if (here !== null) {
      this.#at += here[0].length;
      this.#awaited.push({ end: this.#hereEnd(), program: this.#current });
      return;
    }
    const copied = /^[<>]&(?:\d|-)/.exec(rest);
    if (copied !== null) {
      this.#at += copied[0].length;
      return;
    }
    this.#at += /^(?:<<<|>>|>\||>&|<>|<&|[<>])/.exec(rest)?.[0].length ?? 1;
    // A here-string is told like an argument: it is text for the program.
    if (!rest.startsWith('<<<')) this.#push(letter);
  }

  #hereEnd(): string {
    const to = /[\n;&|<>]/.exec(this.#line.slice(this.#at, this.#at + 200))?.index ?? 200;
    const found = /^[ \t]*(?:'([^']*)'|"([^"]*)"|\\?([^\s'"]+))/.exec(this.#line.slice(this.#at, this.#at + to));
    this.#at += found?.[0].length ?? 0;
    return found?.[1] ?? found?.[2] ?? found?.[3] ?? '';
  }

  #takeAwaited(): void {
    for (const { end, program } of this.#awaited.splice(0)) {
      const from = this.#at;
      for (;;) {
        const to = this.#find('\n', this.#at);
        const isEnd = this.#line.slice(this.#at, to).trim() === end;
        if (isEnd || to >= this.#line.length) program.input = this.#line.slice(from, isEnd ? this.#at : to);
        this.#at = Math.min(to + 1, this.#line.length);
        if (isEnd || to >= this.#line.length) break;
      }
    }
  }

  #endWord(): void {
    const word = this.#word;
    const isQuoted = this.#quoted;
    this.#word = undefined;
    this.#quoted = false;
    if (word === undefined) return;
    const set = this.#words.length === 0 ? SET.exec(word)?.[1] : undefined;
    if (set !== undefined) {
      this.#variables.set(set, word.slice(set.length + 1));
      return;
    }
    if (!isQuoted && /^\{[^{}]*,[^{}]*\}$/.test(word))
      for (const part of word.slice(1, -1).split(',')) this.#push(part);
    else this.#push(word);
  }

  #push(word: string): void {
    if (this.#words.push(word) > MAX_WORDS) throw new EffortSpent();
  }

  #endProgram(): void {
    this.#endWord();
    if (this.#words.length === 0) return;
    // One object, because the text of a here-document comes only after the line is read.
    this.#programs.push(Object.assign(this.#current, { words: this.#words }));
    if (++this.#count > MAX_PROGRAMS) throw new EffortSpent();
    this.#words = [];
    this.#current = { input: '' };
  }

  #endPipeline(): void {
    this.#endProgram();
    if (this.#programs.length > 0) this.#pipelines.push(this.#programs);
    this.#programs = [];
  }
}
