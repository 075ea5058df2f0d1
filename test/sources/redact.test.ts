import { expect, it } from 'vitest';
import { redact } from '../../daemon/sources/redact.ts';

it.each([
  ['fatal: https://user:pass@host/x.git not found', 'fatal: https://***@host/x.git not found'],
  ['https://token@host/', 'https://***@host/'],
  ['postgres://u:p@ss@db:5432/x and ssh://git@host/y', 'postgres://***@db:5432/x and ssh://***@host/y'],
  ['https://host/@scope/pkg', 'https://host/@scope/pkg'],
  ['nobody@example.org', 'nobody@example.org'],
])('%s', (text, clean) => expect(redact(text)).toBe(clean));
