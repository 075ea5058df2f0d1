import { isObject } from './format.ts';
import { firstOf, type ToolDialect, toolCall } from './tool-call.ts';

/** PreToolUse of Cline (docs/features/hooks/hook-reference.mdx). */
export const cline: ToolDialect = {
  read(body) {
    if (!isObject(body) || body['hookName'] !== 'PreToolUse' || !isObject(body['preToolUse'])) return undefined;
    const { toolName: tool, parameters } = body['preToolUse'];
    if (typeof tool !== 'string') return undefined;
    return [toolCall('cline', tool, parameters, body['taskId'], firstOf(body['workspaceRoots']))];
  },

  deny: (_body, reason) => ({ cancel: true, errorMessage: reason }),

  // Approvals are asked for as they would be without a hook.
  none: { cancel: false },
};
