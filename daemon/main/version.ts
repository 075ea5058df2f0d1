import { readFileSync } from 'node:fs';

/** The version in package.json, which stands two folders above this file, compiled or not. */
export const version: string = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
