import { isObject } from './format.ts';
import { type ToolDialect, toolCall } from './tool-call.ts';

/** Our own form, for plugins, gateways and scripts that speak none of the others: `{tool, input, session?, cwd?}`. */
export const generic: ToolDialect = {
  read(body) {
    if (!isObject(body) || typeof body['tool'] !== 'string' || !Object.hasOwn(body, 'input')) return undefined;
    return [toolCall('generic', body['tool'], body['input'], body['session'], body['cwd'])];
  },

  deny: (_body, reason) => ({ allow: false, reason }),

  none: {},
};
