import { type Format, notUnderstood } from './format.ts';
import { recognise } from './tool-hooks.ts';

/** What an agent asks before it runs tools: each call by itself, its root a ToolCall. */
export const toolHook: Format = (body) => {
  const asked = recognise(body);
  if (asked === undefined) return notUnderstood('a question of an agent or a gateway about a tool');
  return { alerts: asked.calls.map((call) => ({ ...call })) };
};
