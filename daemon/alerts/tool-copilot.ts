import { isObject } from './format.ts';
import { argumentsOf, type ToolDialect, toolCall } from './tool-call.ts';

/** preToolUse of GitHub Copilot CLI and its cloud agent (GitHub Docs, "GitHub Copilot hooks reference"). */
export const copilot: ToolDialect = {
  read(body) {
    if (!isObject(body) || typeof body['toolName'] !== 'string' || body['toolArgs'] === undefined) return undefined;
    return [toolCall('copilot', body['toolName'], argumentsOf(body['toolArgs']), body['sessionId'], body['cwd'])];
  },

  deny: (_body, reason) => ({ permissionDecision: 'deny', permissionDecisionReason: reason }),

  none: {},
};
