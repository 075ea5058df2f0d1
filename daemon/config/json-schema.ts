import { z } from 'zod';
import { configSchema } from './schema.ts';

/** The configuration's JSON Schema (draft 2020-12), of the file as it is written: what has a default may be left out. */
export function configJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(configSchema, { target: 'draft-2020-12', io: 'input' });
}
