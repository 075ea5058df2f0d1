import { isObject } from './format.ts';
import { type ToolDialect, toolCall } from './tool-call.ts';

/**
 * PreToolUse of Claude Code, as a command or an HTTP hook (code.claude.com/docs/en/hooks); of Codex, which accepts nothing
 * else in the answer and needs a reason (codex-rs/hooks/src/engine/output_parser.rs); and of VS Code's local agents, which
 * write two of the keys in camel case (docs/agent-customization/hooks.md).
 */
export const claudeCode: ToolDialect = {
  read(body) {
    if (!isObject(body) || typeof body['tool_name'] !== 'string') return undefined;
    if ((body['hook_event_name'] ?? body['hookEventName']) !== 'PreToolUse') return undefined;
    const session = body['session_id'] ?? body['sessionId'];
    return [toolCall('claude-code', body['tool_name'], body['tool_input'], session, body['cwd'])];
  },

  deny: (_body, reason) => ({
    hookSpecificOutput: {
      hookEventName: 'PreToolUse',
      permissionDecision: 'deny',
      permissionDecisionReason: reason,
    },
  }),

  none: {},
};
