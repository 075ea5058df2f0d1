import { constants, type FileHandle, open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { errnoOf, PortcullisError, reasonOf } from '../base/errors.ts';
import { type Fault, formatFaults } from './fault.ts';
import { type Reading, readConfig, type Surroundings } from './read.ts';
import type { Config } from './schema.ts';
import { MAX_BYTES } from './yaml.ts';

/**
 * The configuration in the file at `path`, defaults filled in, paths absolute. Throws `config.missing`, or
 * `config.invalid` with all faults.
 */
export async function loadConfig(path: string): Promise<Config> {
  const reading = await inspect(path);
  if (reading.ok) return reading.config;
  const { faults } = reading;
  const count = faults.length === 1 ? 'one fault' : `${faults.length} faults`;
  throw new PortcullisError('config.invalid', `The configuration has ${count}:\n${formatFaults(path, faults)}\n`);
}

/** All faults of the file at `path`, in its order; with `around` also those of what it refers to. Throws `config.missing`. */
export async function checkConfig(path: string, around?: Surroundings): Promise<readonly Fault[]> {
  const reading = await inspect(path, around);
  return reading.ok ? [] : reading.faults;
}

async function inspect(path: string, around?: Surroundings): Promise<Reading> {
  const file = resolve(path);
  return readConfig(await read(file), dirname(file), around);
}

/** The file's content, or as much of it as shows that it is too large. */
async function read(file: string): Promise<Buffer> {
  let handle: FileHandle | undefined;
  try {
    // Without O_NONBLOCK a FIFO in its place would hold the process up for ever.
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!(await handle.stat()).isFile()) throw new Error('it is not a regular file');
    const buffer = Buffer.alloc(MAX_BYTES + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, length);
      length += bytesRead;
      if (bytesRead === 0 || length === buffer.length) return buffer.subarray(0, length);
    }
  } catch (error) {
    const why = errnoOf(error) === 'ENOENT' ? 'does not exist' : `cannot be read: ${reasonOf(error)}`;
    throw new PortcullisError('config.missing', `The configuration ${file} ${why}.`, { cause: error });
  } finally {
    await handle?.close();
  }
}
