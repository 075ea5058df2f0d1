import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.ts';

const MIB = 512;

/** MB/s at which the folder's disk takes bytes for good. */
export async function ddWrite(folder: string): Promise<number> {
  const file = join(folder, 'dd');
  const { seconds } = await run(['dd', 'if=/dev/zero', `of=${file}`, 'bs=8M', `count=${MIB / 8}`, 'conv=fsync']);
  rmSync(file);
  return (MIB * 1.048576) / seconds;
}

/** MB/s at which it takes bytes and gives them back, past the page cache. */
export async function ddWriteAndRead(folder: string): Promise<number> {
  const file = join(folder, 'dd');
  const write = await run(['dd', 'if=/dev/zero', `of=${file}`, 'bs=8M', `count=${MIB / 8}`, 'conv=fsync']);
  const read = await run(['dd', `if=${file}`, 'of=/dev/null', 'bs=8M', 'iflag=direct']);
  rmSync(file);
  return (MIB * 1.048576) / (write.seconds + read.seconds);
}
