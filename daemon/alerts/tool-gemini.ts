import { isObject } from './format.ts';
import { type ToolDialect, toolCall } from './tool-call.ts';

/** BeforeTool of Gemini CLI (docs/hooks/reference.md). */
export const gemini: ToolDialect = {
  read(body) {
    if (!isObject(body) || body['hook_event_name'] !== 'BeforeTool') return undefined;
    if (typeof body['tool_name'] !== 'string') return undefined;
    return [toolCall('gemini', body['tool_name'], body['tool_input'], body['session_id'], body['cwd'])];
  },

  deny: (_body, reason) => ({ decision: 'deny', reason }),

  none: {},
};
