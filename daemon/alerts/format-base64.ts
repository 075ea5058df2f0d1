import { isObject, type JsonObject } from './format.ts';

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** The JSON object that `data` holds in base64, in either alphabet. */
export function objectInBase64(data: unknown): JsonObject | undefined {
  if (typeof data !== 'string') return undefined;
  try {
    const value: unknown = JSON.parse(UTF8.decode(Buffer.from(data, 'base64')));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
