/** What the process takes before a byte is sealed, and what the thread that walks and lists takes. */
const BASE = 104 << 20;
/** What one more thread takes: its engine, a window of content, a pack in the making, the compressor. */
const THREAD = 46 << 20;
/** One thread beside the one that walks only moves the work, and takes memory. */
const LEAST = 2;

/**
 * How many threads seal beside the one that walks, within `maxMemory` bytes and on so many `cores`; 0 where the one that walks does it all.
 * The index of known blobs comes on top: 28 bytes a blob.
 */
export function sealThreads(maxMemory: number, cores: number): number {
  const threads = Math.min(cores, Math.floor((maxMemory - BASE) / THREAD));
  return threads < LEAST ? 0 : threads;
}
