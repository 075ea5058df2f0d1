import type { Dialect, ToolCall, ToolDialect } from './tool-call.ts';
import { claudeCode } from './tool-claude-code.ts';
import { cline } from './tool-cline.ts';
import { copilot } from './tool-copilot.ts';
import { cursor } from './tool-cursor.ts';
import { gemini } from './tool-gemini.ts';
import { generic } from './tool-generic.ts';
import { kiro } from './tool-kiro.ts';
import { dockerMcp, mcp } from './tool-mcp.ts';
import { windsurf } from './tool-windsurf.ts';

/** What is asked before one or more tools run. */
export interface ToolRequest {
  readonly dialect: Dialect;
  /** Empty if no tool is called, as in most messages that an MCP gateway passes on. */
  readonly calls: readonly ToolCall[];
}

export type ToolDecision = { readonly kind: 'none' } | { readonly kind: 'deny'; readonly reason: string };

/** An HTTP answer: 200, because to the agents any other status is a hook that failed, and most then run the tool. */
export interface HookAnswer {
  readonly status: 200;
  readonly headers: { readonly [DECISION_HEADER]: ToolDecision['kind'] };
  /** Absent: no body at all. */
  readonly body?: object;
}

/** Tells `scripts/portcullis-tool-hook`, which reads no JSON, what was decided. */
const DECISION_HEADER = 'portcullis-decision';

/**
 * In the order in which a body is tried. MCP comes first: its gateways pass on what an agent wrote, which must not be able
 * to pass for a harmless question of another dialect.
 */
const DIALECTS: Readonly<Record<Dialect, ToolDialect>> = {
  mcp,
  'docker-mcp': dockerMcp,
  'claude-code': claudeCode,
  gemini,
  cursor,
  kiro,
  copilot,
  windsurf,
  cline,
  generic,
};

/** What a parsed body asks; undefined if it is of no known dialect. Pure, and answers for every JSON value. */
export function recognise(body: unknown): ToolRequest | undefined {
  for (const [dialect, { read }] of Object.entries(DIALECTS) as [Dialect, ToolDialect][]) {
    const calls = read(body);
    if (calls !== undefined) return { dialect, calls };
  }
  return undefined;
}

/**
 * Says what was decided in the dialect of `body`. `none` does not approve: the agent goes on to ask whom it would have asked.
 * For a body that was not recognised, `generic` is the dialect. Pure and total.
 */
export function answer(dialect: Dialect, body: unknown, decision: ToolDecision): HookAnswer {
  const { deny, none } = DIALECTS[dialect];
  const said = decision.kind === 'deny' ? deny(body, decision.reason.trim() || 'Portcullis denied this call.') : none;
  return {
    status: 200,
    headers: { [DECISION_HEADER]: decision.kind },
    ...(said !== undefined && { body: said }),
  };
}
