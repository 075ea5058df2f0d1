import { isObject } from './format.ts';

/** One call of a tool that is about to run. The object is the root of the paths that rules name. */
export interface ToolCall {
  readonly dialect: Dialect;
  /** As the agent names it: `Bash`, `run_shell_command`, `mcp__github__delete_repo`. */
  readonly tool: string;
  /** The arguments. Of a shell command, the text stands in `command`, whatever the agent calls it. */
  readonly input: unknown;
  /** Names the agent's session or conversation. */
  readonly session?: string;
  readonly cwd?: string;
}

/** Each is a form of question together with the form of its answer. `claude-code` is also Codex's and VS Code's. */
export type Dialect =
  | 'claude-code'
  | 'cline'
  | 'copilot'
  | 'cursor'
  | 'docker-mcp'
  | 'gemini'
  | 'generic'
  | 'kiro'
  | 'mcp'
  | 'windsurf';

/** How one dialect asks and is answered. Both functions are pure and total. */
export interface ToolDialect {
  /** The calls that are asked about; undefined if the body is not of this dialect. */
  read(body: unknown): readonly ToolCall[] | undefined;
  /** What refuses the calls of `body`, which `read` understood. `reason` is not blank. */
  deny(body: unknown, reason: string): object;
  /**
   * What neither refuses nor approves, so that the user's own permission rules decide. Undefined: an answer without a
   * body.
   */
  readonly none: object | undefined;
}

/** Leaves out what is not there, and what is of another type than it should be. */
export function toolCall(dialect: Dialect, tool: string, input: unknown, session?: unknown, cwd?: unknown): ToolCall {
  return {
    dialect,
    tool,
    input,
    ...(typeof session === 'string' && { session }),
    ...(typeof cwd === 'string' && { cwd }),
  };
}

/** Arguments that some agents send as JSON in a text. A text that is not an object in JSON stays a text. */
export function argumentsOf(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    const parsed: unknown = JSON.parse(value);
    return isObject(parsed) ? parsed : value;
  } catch {
    return value;
  }
}

export function firstOf(value: unknown): unknown {
  return Array.isArray(value) ? value[0] : undefined;
}
