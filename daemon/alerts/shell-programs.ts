import { posix } from 'node:path';
import { EffortSpent } from './effort.ts';
import { callsOf, type HttpCall } from './http-call.ts';
import { type Backslash, type Program, readShell } from './shell.ts';

/** What a command line does, as far as it can be told without running it. */
export interface Told {
  /** Each program it starts, by its bare name, with its arguments in one line; a blank within an argument is written ␣. */
  readonly runs: readonly { readonly program: string; readonly run: string }[];
  /** The HTTP requests they make. */
  readonly calls: readonly HttpCall[];
  /** Text that a program is given which may be SQL to it. */
  readonly sql: readonly string[];
}

/** Programs that do nothing with their arguments but read, print, search, or write them to a file or to somebody. */
const HARMLESS = words(`
  : [ ack ag aider apropos basename bat cat cd chmod claude cmp code codex column comm cp cut date diff dirname echo egrep
  emacs export expr false fgrep figlet file fmt fold gemini gh glab grep head help hexdump history info jq join ls less ln
  logger look man mail mkdir more mutt nano nl notify-send od open paste print printf pwd read readlink realpath rg say sed seq
  sleep slack sort stat strings tac tail tee test tldr touch tr true type uniq vi view vim wall wc whatis whereis which
  wl-copy write xclip xdg-open yq zgrep findstr select-string write-host write-output write-error get-content out-file
  add-content set-content git`);
/** Programs whose arguments are, somewhere, another program with arguments, or a command line in one word. */
const STARTERS = words(`
  case find function time ash bash builtin bundle bunx busybox chroot chronic cmd command coproc dash doas
  docker doppler dotenv env eval exec fish flock fly flyctl gcloud heroku incus infisical ionice kubectl k8s ksh
  lxc mosh nerdctl nice nohup npm npx nsenter oc op parallel pipenv pnpm podman poetry powershell pwsh railway
  runuser screen script setsid sh ssh sshpass stdbuf strace su sudo systemd-run timeout tmux toolbox trap tsh unshare uv uvx vagrant
  wsl watch winpty xargs yarn zsh aws-vault chamber flatpak-spawn proot distrobox`);
/** Of those, the ones that run what they read. */
const SHELLS = words('ash bash cmd dash fish ksh parallel powershell pwsh sh ssh zsh');
/** Programs that are given a program text, in which commands and SQL stand between quotes. */
const INTERPRETERS = words(
  'python python2 python3 node deno bun tsx ts-node ruby perl php lua osascript rails tclsh Rscript awk gawk',
);
/** Options that are followed by what a program is to run. */
const TEXT_OPTION =
  /^(?:-[a-z]*[ceqrQ]|--?(?:command|execute|query|eval|sql|statement|query-string|exec|run|C|Command))$/i;
const TEXT_OPTION_WITH = /^--?(?:command|execute|query|eval|sql|statement|query-string|exec|run|[ceqrQ])=(.*)$/is;

/** The same without a blank, as in mysql -e"drop …". */
const TEXT_OPTION_JOINED = /^-[a-zA-Z](\S*\s.*)$/s;
/** Words of the shell that a program follows. */
const RESERVED = words('! { do elif else if then until while');
/** What closes a group of programs, whose output goes on together. */
const GROUP_ENDS = words(') } done fi esac');
/** Programs that take away files, whose paths are made whole with where the line went before. */
const REMOVERS = words('rm rmdir unlink shred find del erase rd remove-item srm trash');

const SET = /^[A-Za-z_]\w*=/;
/** A path that goes by a way about, as in /tmp/../. */
const CROOKED = /^(?=[/~$.])(?!.*:\/\/).*(?:\/\.{1,2}(?:\/|$)|\/\/)/s;

const MAX_DEPTH = 5;
/** Options that are followed by text, of one program. */
const MAX_OPTIONS = 5;
/** Behind a starter, so many words are tried as the program it starts. */
const MAX_TRIED = 40;
/** Characters that may come of one command: what is within quotes is read again. */
const MAX_READ = 4 << 20;

/** Throws EffortSpent when `command` is longer than anybody types. */
export function told(command: string): Told {
  const teller = new Teller();
  teller.line(command, 'posix', 0);
  if (command.includes('\\')) teller.line(command, 'windows', 0);
  return { runs: [...teller.runs.values()], calls: [...teller.calls.values()], sql: [...teller.sql] };
}

class Teller {
  readonly runs = new Map<string, Told['runs'][number]>();
  readonly calls = new Map<string, HttpCall>();
  readonly sql = new Set<string>();
  #left = MAX_READ;
  /** Where the line went with cd, as far as it says. */
  #folder = '';

  line(line: string, backslash: Backslash, depth: number): void {
    if (depth > MAX_DEPTH || line === '') return;
    this.#spend(line.length);
    const { pipelines, nested } = readShell(line, backslash);
    for (const inner of nested) this.line(inner, backslash, depth + 1);
    let printed = '';
    for (const programs of pipelines) {
      // What a program prints that only prints is what the next one in the pipe is told.
      let piped = GROUP_ENDS.has(programs[0]?.words[0] ?? '') ? printed : '';
      for (const [index, program] of programs.entries()) {
        piped = this.#program(program, piped, backslash, depth);
        this.#foundFor(programs[index - 1]?.words ?? [], program.words);
      }
      if (piped !== '') printed += `${piped}\n`;
    }
  }

  /** `find … | xargs …` is told as the one program it amounts to. */
  #foundFor(find: readonly string[], [xargs = '', ...program]: readonly string[]): void {
    if (bare(find[0] ?? '') !== 'find' || bare(xargs) !== 'xargs') return;
    // The first word that is neither an option nor what may be one's value.
    const at = program.findIndex((word, index) => REMOVERS.has(bare(word)) && isAfterOptions(program, index));
    if (at >= 0) this.#run('find', [...find, '-exec', bare(program[at] ?? ''), ...program.slice(at + 1)]);
  }

  #spend(characters: number): void {
    this.#left -= characters;
    if (this.#left < 0) throw new EffortSpent();
  }

  /** Returns what the program prints, as far as that is known. */
  #program({ words: line, input }: Program, piped: string, backslash: Backslash, depth: number): string {
    const given = [piped, input].filter((part) => part !== '').join('\n');
    const from = line.findIndex((word) => !RESERVED.has(word));
    const all = line.slice(Math.max(from, 0));
    const name = bare(all[0] ?? '');
    if (GROUP_ENDS.has(name)) return given;
    if (name === 'cd' || name === 'pushd') this.#folder = all[1] ?? '~';
    this.#run(name, all);
    if (name === 'echo' || name === 'printf') return all.slice(1).join(' ');
    if (HARMLESS.has(name)) return given;
    if (STARTERS.has(name) || name.endsWith('()')) {
      if (name === 'xargs' && given !== '')
        this.line(`${quoted(all.slice(1))} ${given.replaceAll(/\s+/g, ' ')}`, backslash, depth + 1);
      this.#started(all, given, backslash, depth);
    }
    this.#given(name, all, given, backslash, depth);
    return '';
  }

  #run(program: string, [, ...args]: readonly string[]): void {
    const words = args.map(written);
    this.#note(program, words);
    if (!REMOVERS.has(program) || !/^[/~$]/.test(this.#folder) || !args.some((word) => !word.startsWith('-'))) return;
    this.#note(
      program,
      words.map((word) => (/^[-/~$]/.test(word) ? word : written(posix.join(this.#folder, word)))),
    );
  }

  #note(program: string, words: readonly string[]): void {
    if (program === '') return;
    const run = [program, ...words].join(' ');
    this.#spend(run.length);
    if (!this.runs.has(run)) this.runs.set(run, { program, run });
    for (const call of callsOf(program, words)) this.calls.set(JSON.stringify(call), call);
  }

  /** What `starter` may start: whatever of its words is not an option begins a program or is a command line. */
  #started(starter: readonly string[], given: string, backslash: Backslash, depth: number): void {
    const text = starter.findIndex((word) => /^-\w*c$|^\/c$|^--?(?:command|C)$/i.test(word));
    // Where quotes were lost on the way, as in a list of processes, a shell's command goes on to the end.
    if (text > 0 && text < starter.length - 1) this.line(starter.slice(text + 1).join(' '), backslash, depth + 1);
    const words = starter.map(written);
    const end = Math.min(starter.length, MAX_TRIED, text > 0 ? text : MAX_TRIED);
    for (let at = 1; at < end; at++) {
      const word = starter[at] ?? '';
      const value = /^--?\w[\w-]*=(.*)$/s.exec(word)?.[1];
      if (value !== undefined && /\s/.test(value)) this.line(value, backslash, depth + 1);
      if (word.startsWith('-') || SET.test(word)) continue;
      if (/\s/.test(word)) this.line(word, backslash, depth + 1);
      const name = bare(word);
      if (REMOVERS.has(name)) this.#run(name, starter.slice(at));
      else this.#note(name, words.slice(at + 1));
      // What comes after an option may be its value, as in sudo -u git.
      if (HARMLESS.has(name) && !starter[at - 1]?.startsWith('-')) return;
      this.#given(name, starter.slice(at), given, backslash, depth);
    }
  }

  /** What a program may take for SQL, or for code that holds some. */
  #given(name: string, all: readonly string[], given: string, backslash: Backslash, depth: number): void {
    const texts = all.slice(1).filter((word) => /\s/.test(word));
    let options = 0;
    for (const [index, word] of all.entries()) {
      const value = TEXT_OPTION_WITH.exec(word)?.[1] ?? TEXT_OPTION_JOINED.exec(word)?.[1];
      if (value !== undefined) texts.push(value);
      else if (TEXT_OPTION.test(word) && index > 0 && index < all.length - 1 && ++options <= MAX_OPTIONS)
        texts.push(all.slice(index + 1).join(' '));
    }
    if (given !== '') {
      texts.push(given);
      if (SHELLS.has(name)) this.line(given, backslash, depth + 1);
      if (!given.trim().includes('\n')) this.#run(name, [...all, ...given.trim().split(' ')]);
    }
    const isCode = INTERPRETERS.has(name.replace(/[\d.]+$/, ''));
    for (const text of texts) {
      this.#spend(text.length);
      this.sql.add(text);
      if (isCode) this.#code(text, backslash, depth);
    }
  }

  #code(code: string, backslash: Backslash, depth: number): void {
    const literals = literalsOf(code).filter((literal) => literal !== '');
    for (const literal of literals) {
      this.sql.add(literal);
      if (/\s/.test(literal)) this.line(literal, backslash, depth + 1);
    }
    // subprocess.run(["rm", "-rf", "/"])
    if (literals.length > 1) this.#started(['', ...literals], '', backslash, depth + 1);
  }
}

function isAfterOptions(words: readonly string[], index: number): boolean {
  return words.slice(0, index).every((word, at) => word.startsWith('-') || words[at - 1]?.startsWith('-') === true);
}

/** The name of a program without where it lies: rm of /bin/rm. */
function bare(word: string): string {
  return word
    .slice(Math.max(word.lastIndexOf('/'), word.lastIndexOf('\\')) + 1)
    .replace(/\.(?:exe|cmd|bat|com)$/i, '')
    .toLowerCase();
}

/** A word as it stands in `run`: a path goes straight, and a blank within it is told from one between words. */
function written(word: string): string {
  const straight = CROOKED.test(word) ? posix.normalize(word) : word;
  return /\s/.test(straight) ? straight.replaceAll(/\s+/g, '␣') : straight;
}

/** What stands between quotes in program text. */
function literalsOf(code: string): readonly string[] {
  const found: string[] = [];
  const unclosed = new Set<string>();
  for (let at = 0; at < code.length; at++) {
    const quote = code[at] ?? '';
    if (!'"\'`'.includes(quote) || unclosed.has(quote)) continue;
    let to = at + 1;
    while (to < code.length && code[to] !== quote) to += code[to] === '\\' ? 2 : 1;
    if (to >= code.length) {
      unclosed.add(quote);
      continue;
    }
    found.push(code.slice(at + 1, to));
    at = to;
  }
  return found;
}

/** One command line of these words. */
export function quoted(all: readonly string[]): string {
  return all.map((word) => (/^[\w@%+=:,./~*$-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');
}

function words(list: string): ReadonlySet<string> {
  return new Set(list.split(/\s+/).filter((word) => word !== ''));
}
