import type { Clock } from '../base/clock.ts';
import type { BoxFacts } from '../board/coverage.ts';
import type { NetworkFacts } from '../config/board-rules.ts';
import type { Config, StoreConfig } from '../config/schema.ts';
import type { Protection } from '../store/canary.ts';
import type { Store } from '../vault/store.ts';

/** Everything a command may touch, so that tests can stand in for the terminal and the machine. */
export interface Context {
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  /** Writes to standard output, as it is. */
  out(text: string): void;
  /** Writes bytes to standard output; resolves when it takes more. */
  outBytes(bytes: Uint8Array): Promise<void>;
  /** Writes one line to standard error. */
  err(text: string): void;
  /** The next line from standard input, after asking for it where a person sits there. A secret is not shown as it is typed. Rejects with `usage.wrong` at the end of the input. */
  ask(question: string, kind?: 'secret'): Promise<string>;
  /** True where a person reads standard output. */
  readonly terminal: boolean;
  loadConfig(path: string): Promise<Config>;
  /** The store that the configuration names. Reads its credentials, and touches nothing else yet. */
  openStore(store: StoreConfig): Promise<Store>;
  /**
   * Tries whether the store refuses to delete what is locked, or protected through the sockets in `runtime`. Rejects with `store.unlocked` when a
   * bucket does not.
   */
  examineStore(store: StoreConfig, runtime: string): Promise<Protection>;
  /** Whether the system says its clock was synchronised in this boot. */
  clockSynchronised(): Promise<boolean>;
  /** What this box has that drops a relay when the software cannot. */
  boxFacts(config: Config): Promise<BoxFacts>;
  /** What this machine says of its network, as far as it bears on the uplink. */
  networkFacts(): Promise<NetworkFacts>;
  /** Runs one of the server processes, or the supervisor, until it ends. */
  serve(what: 'run' | 'gate' | 'intake' | 'keeper', config: Config, path: string): Promise<number>;
  /** Aborted by Ctrl-C. */
  readonly interrupted: AbortSignal;
}

export interface Option {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly about: string;
  /** May be given more than once. */
  readonly multiple?: true;
  /** How the value is called in the help, for options of type string. */
  readonly value?: string;
}

export interface Command {
  readonly name: string;
  readonly about: string;
  /** Positional arguments as the help shows them, `[OPTIONAL]` in brackets. */
  readonly positionals: readonly string[];
  readonly options: Readonly<Record<string, Option>>;
  readonly examples: readonly string[];
  /** Resolves with the exit status; throws PortcullisError for everything a person must be told. */
  run(args: Arguments, context: Context): Promise<number>;
}

export interface Arguments {
  readonly positionals: readonly string[];
  /** The text of a string option, or undefined. */
  text(name: string): string | undefined;
  /** All values of an option that may be given more than once. */
  texts(name: string): readonly string[];
  flag(name: string): boolean;
  readonly json: boolean;
  readonly configPath: string;
}
