import type { AlertSource } from '../config/schema.ts';
import type { Header, Reading } from './format.ts';
import { FORMATS } from './formats.ts';

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** What `bytes` say when they are read as `format`. Total. */
export function read(format: AlertSource['format'], bytes: Buffer, header: Header): Reading {
  let body: unknown;
  try {
    body = JSON.parse(UTF8.decode(bytes));
  } catch {
    return { alerts: [], unknown: 'The body is not JSON in UTF-8.' };
  }
  try {
    return FORMATS[format](body, header);
  } catch {
    return { alerts: [], unknown: `The body does not have the shape of ${format}.` };
  }
}
