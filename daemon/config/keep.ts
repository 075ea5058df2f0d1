import { durationMs } from '../base/duration.ts';
import type { Config } from './schema.ts';

type Keep = NonNullable<Config['vault']['keep']>;

/** What is kept, and the grace in milliseconds, from the configuration. */
export function keepRules({ grace, ...rules }: Keep): { rules: Pick<Keep, 'floor'> & Rules; graceMs: number } {
  const set = Object.entries(rules).filter(([, count]) => count !== undefined);
  return { rules: { ...Object.fromEntries(set), floor: rules.floor }, graceMs: durationMs(grace) ?? 0 };
}

type Rules = { readonly [K in Exclude<keyof Keep, 'grace' | 'floor'>]?: number };
