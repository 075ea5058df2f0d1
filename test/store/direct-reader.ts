import { DirectReader } from '../../daemon/store/direct-read.ts';

/** Reads the file that is named, and says how: for a test that mounts a file system around it. */
const { bytes, direct } = await new DirectReader().read(process.argv[2] ?? '');
process.stdout.write(JSON.stringify({ length: bytes.length, direct }));
