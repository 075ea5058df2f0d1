import { isObject } from './format.ts';
import { type ToolDialect, toolCall } from './tool-call.ts';

/**
 * The pre-hooks of Windsurf Cascade (docs.windsurf.com/windsurf/cascade/hooks). It heeds only that the hook exits with 2,
 * which the script does on a denial; the body is what it shows as the reason.
 */
export const windsurf: ToolDialect = {
  read(body) {
    if (!isObject(body)) return undefined;
    const { agent_action_name: action, tool_info: info, trajectory_id: session } = body;
    if (typeof action !== 'string' || !action.startsWith('pre_') || !isObject(info)) return undefined;
    const { command_line: command, mcp_tool_name: tool, mcp_tool_arguments: input } = info;
    if (action === 'pre_run_command') {
      if (typeof command !== 'string') return undefined;
      return [toolCall('windsurf', action, { command }, session, info['cwd'])];
    }
    if (action === 'pre_mcp_tool_use') {
      return typeof tool === 'string' ? [toolCall('windsurf', tool, input, session)] : undefined;
    }
    return [toolCall('windsurf', action, info, session)];
  },

  deny: (_body, reason) => ({ decision: 'deny', reason }),

  none: {},
};
