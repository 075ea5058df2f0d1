import { isObject } from './format.ts';
import { type ToolDialect, toolCall } from './tool-call.ts';

/**
 * preToolUse of Kiro CLI and Amazon Q Developer CLI (docs/hooks.md). They heed only that the hook exits with 2, which the
 * script does on a denial; the body is what it shows as the reason.
 */
export const kiro: ToolDialect = {
  read(body) {
    if (!isObject(body) || body['hook_event_name'] !== 'preToolUse') return undefined;
    if (typeof body['tool_name'] !== 'string') return undefined;
    return [toolCall('kiro', body['tool_name'], body['tool_input'], body['session_id'], body['cwd'])];
  },

  deny: (_body, reason) => ({ decision: 'deny', reason }),

  none: {},
};
