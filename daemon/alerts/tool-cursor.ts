import { isObject } from './format.ts';
import { argumentsOf, firstOf, type ToolDialect, toolCall } from './tool-call.ts';

/**
 * Cursor's hooks before a shell command, an MCP tool and any tool (cursor.com/docs/hooks). Nothing in its answers means
 * "no objection": `allow` approves where Cursor heeds it, which differs between versions, so it is never given.
 */
export const cursor: ToolDialect = {
  read(body) {
    if (!isObject(body)) return undefined;
    const session = body['conversation_id'];
    const cwd = body['cwd'] ?? firstOf(body['workspace_roots']);
    const { command, tool_name: tool } = body;
    switch (body['hook_event_name']) {
      case 'beforeShellExecution':
        return typeof command === 'string' ? [toolCall('cursor', 'Shell', { command }, session, cwd)] : undefined;
      case 'beforeMCPExecution':
        break;
      case 'preToolUse':
        // Kiro's event has the same name.
        if (session === undefined && body['cursor_version'] === undefined) return undefined;
        break;
      default:
        return undefined;
    }
    if (typeof tool !== 'string') return undefined;
    return [toolCall('cursor', tool, argumentsOf(body['tool_input']), session, cwd)];
  },

  deny: (_body, reason) => ({ permission: 'deny', user_message: reason, agent_message: reason }),

  none: {},
};
