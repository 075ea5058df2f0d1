import type { AlertSource } from '../config/schema.ts';
import type { Format } from './format.ts';
import { alertmanager } from './format-alertmanager.ts';
import { json } from './format-json.ts';

export const FORMATS: { readonly [F in AlertSource['format']]: Format } = { alertmanager, json };
