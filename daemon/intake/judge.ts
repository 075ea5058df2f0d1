import type { AlertSource, Rule } from '../config/schema.ts';
import type { Body } from './body.ts';
import type { Reading } from './format.ts';
import { FORMATS } from './formats.ts';
import { holds } from './rules.ts';

export type Judgement =
  | { readonly trip: true; readonly reason: string; readonly rule?: string }
  | { readonly trip: false; readonly why: string };

/** What an authenticated body of `source` asks for. Pure; answers for every body. */
export function judge(source: Pick<AlertSource, 'format' | 'rules' | 'unknown'>, body: Body): Judgement {
  // No rule can be asked about what is not read, and whoever pads a field must not be able to hide an alert.
  if (body.kind === 'oversize') return { trip: true, reason: 'An authenticated alert is larger than intake.maxBody.' };
  const reading = body.kind === 'whole' ? read(source.format, body.bytes) : CUT;
  const rule = firstMatch(source.rules, reading.alerts);
  if (rule !== undefined) return { trip: true, reason: rule.reason, rule: rule.id };
  if (reading.unknown === undefined) return { trip: false, why: 'No rule matched.' };
  return source.unknown === 'trip'
    ? { trip: true, reason: `An authenticated alert was not understood: ${reading.unknown}` }
    : { trip: false, why: `Not understood, and ignored as configured: ${reading.unknown}` };
}

const CUT: Reading = { alerts: [], unknown: 'The sender went away in the middle of it.' };
const UTF8 = new TextDecoder('utf-8', { fatal: true });

function read(format: AlertSource['format'], bytes: Buffer): Reading {
  try {
    return FORMATS[format](JSON.parse(UTF8.decode(bytes)));
  } catch {
    return { alerts: [], unknown: 'The body is not JSON in UTF-8.' };
  }
}

function firstMatch(rules: readonly Rule[], alerts: readonly object[]): Rule | undefined {
  return rules.find((rule) => alerts.some((alert) => holds(rule.when, alert)));
}
