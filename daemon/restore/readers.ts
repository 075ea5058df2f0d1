import type { Readers } from './request.ts';

/** The readers of documents this program has, by kind of forge. */
export const READERS: Readers = {};
