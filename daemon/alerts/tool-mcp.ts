import { isObject } from './format.ts';
import { argumentsOf, type ToolCall, type ToolDialect, toolCall } from './tool-call.ts';

/** Of the range that JSON-RPC 2.0 leaves to servers (-32000 to -32099); MCP has no code of its own for a refusal. */
const REFUSED = -32003;

/** A batch with more requests than this gets one error for all, so that a small question has no large answer. */
const MOST_ANSWERED = 1000;

/**
 * The Model Context Protocol's own messages, as a gateway passes them on: `tools/call` is judged, any other method calls no
 * tool. A batch (JSON-RPC 2.0 section 6; MCP until 2025-03-26) is refused as a whole, because what is let through of it
 * cannot be told apart from what is not.
 */
export const mcp: ToolDialect = {
  read(body) {
    if (isObject(body)) return Object.hasOwn(body, 'jsonrpc') ? callsOf(body) : undefined;
    if (!Array.isArray(body) || body.length === 0) return undefined;
    const calls = body.map((message: unknown) => (isObject(message) ? callsOf(message) : undefined));
    return calls.every((some) => some !== undefined) ? calls.flat() : undefined;
  },

  deny(body, reason) {
    const error = { code: REFUSED, message: reason };
    const refusal = (id: unknown) => ({ jsonrpc: '2.0', id, error });
    if (!Array.isArray(body)) return refusal(idOf(body) ?? null);
    const ids = body.map(idOf).filter((id) => id !== undefined);
    // Notifications have no answer, but whoever asks must learn that they are refused.
    return ids.length === 0 || ids.length > MOST_ANSWERED ? refusal(null) : ids.map(refusal);
  },

  none: {},
};

/**
 * `before:http:` interceptors of Docker's MCP Gateway (pkg/interceptors/interceptors.go): method and parameters alone. It
 * goes on if the answer has no body, whatever its status; any other body becomes the result of the call.
 */
export const dockerMcp: ToolDialect = {
  read: (body) => (isObject(body) && body['method'] === 'tools/call' ? callsOf(body, 'docker-mcp') : undefined),
  deny: (_body, reason) => ({ content: [{ type: 'text', text: reason }], isError: true }),
  none: undefined,
};

function callsOf(message: Record<string, unknown>, dialect: 'mcp' | 'docker-mcp' = 'mcp'): ToolCall[] | undefined {
  const { method, params } = message;
  if (method === undefined) return Object.hasOwn(message, 'result') || Object.hasOwn(message, 'error') ? [] : undefined;
  if (typeof method !== 'string') return undefined;
  if (method !== 'tools/call') return [];
  if (!isObject(params) || typeof params['name'] !== 'string') return undefined;
  return [toolCall(dialect, params['name'], argumentsOf(params['arguments']))];
}

/** Of a request. Answers carry ids too, which are not the gateway's to answer. */
function idOf(message: unknown): string | number | undefined {
  if (!isObject(message) || typeof message['method'] !== 'string') return undefined;
  const { id } = message;
  return typeof id === 'string' || typeof id === 'number' ? id : undefined;
}
