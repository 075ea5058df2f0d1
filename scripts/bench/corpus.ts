import { randomFillSync } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readdirSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** The same pseudo-random numbers in every run. */
export function numbers(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

const SYLLABLES = 'ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo yu zen der ing tion est pre con'.split(
  ' ',
);

/** 16 MiB of something like prose and source text, of which files are pieces. */
function prose(random: () => number): Buffer {
  const words = Array.from({ length: 6000 }, () =>
    Array.from({ length: 1 + Math.floor(random() * 4) }, () => SYLLABLES[Math.floor(random() * SYLLABLES.length)]).join(
      '',
    ),
  );
  // Few words and phrases are frequent, and many are rare.
  const word = () => words[Math.floor(random() ** 3 * words.length)] ?? '';
  const phrases = Array.from({ length: 12_000 }, () =>
    Array.from({ length: 2 + Math.floor(random() * 8) }, word).join(' '),
  );
  const bytes = Buffer.alloc(16 << 20);
  for (let at = 0; at < bytes.length; ) {
    const phrase = random() < 0.6 ? (phrases[Math.floor(random() ** 2 * phrases.length)] ?? '') : word();
    at += bytes.write(`${phrase}${random() < 0.1 ? `\n${' '.repeat(Math.floor(random() * 8))}` : ' '}`, at);
  }
  return bytes;
}

/** Numbers of a narrow range, as in compiled programs and tables. */
function records(random: () => number): Buffer {
  const bytes = Buffer.alloc(16 << 20);
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    bytes.writeUInt32LE(0x400000 + Math.floor(random() ** 4 * 8192) * 8, at);
    bytes.writeUInt32LE(Math.floor(random() ** 4 * 256), at + 4);
    bytes.writeUInt32LE(random() < 0.5 ? 0 : Math.floor(random() ** 3 * 2 ** 16), at + 8);
    bytes.writeUInt32LE(at >>> 4, at + 12);
  }
  return bytes;
}

/** 20,000 files, 1 GB, or a `share` of them: sizes as on a system disk, half prose, half records, some incompressible, one in twelve there twice. */
export function mixed(folder: string, share = 1): void {
  const random = numbers(20_261);
  const kinds = [prose(random), records(random)];
  const noise = Buffer.alloc(16 << 20);
  randomFillSync(noise);
  kinds.push(noise);
  let last: { kind: Buffer; from: number; size: number } | undefined;
  let left = 1_000_000_000;
  for (let file = 0; file < 20_000 * share; file++) {
    const inside = join(folder, `d${Math.floor(file / 1000)}`, `d${Math.floor(file / 50) % 20}`);
    if (file % 50 === 0) mkdirSync(inside, { recursive: true });
    const size = Math.min(12 << 20, Math.floor(2 ** (6 + random() ** 1.15 * 15.3)), left);
    left -= size;
    const kind = kinds[random() < 0.45 ? 0 : random() < 0.9 ? 1 : 2] ?? noise;
    const again = last !== undefined && random() < 1 / 12;
    last = again && last !== undefined ? last : { kind, from: Math.floor(random() * (kind.length - size)), size };
    const bytes = Buffer.from(last.kind.subarray(last.from, last.from + last.size));
    // No two files of one pool share a whole stretch by chance.
    if (!again) for (let at = 0; at < bytes.length; at += 4999) bytes[at] = Math.floor(random() * 256);
    writeFileSync(join(inside, `f${file}`), bytes);
  }
}

/** One file of 1 GiB, or a `share` of it, that does not compress. */
export function big(folder: string, share = 1): void {
  mkdirSync(folder, { recursive: true });
  const file = openSync(join(folder, 'image'), 'w');
  const block = Buffer.alloc(16 << 20);
  for (let index = 0; index < 64 * share; index++) writeSync(file, randomFillSync(block));
  closeSync(file);
}

/** 200,000 files, or a `share` of them, of up to 600 bytes. */
export function tiny(folder: string, share = 1): void {
  const random = numbers(77);
  const text = prose(random);
  for (let file = 0; file < 200_000 * share; file++) {
    const inside = join(folder, `d${Math.floor(file / 5000)}`, `d${Math.floor(file / 200) % 25}`);
    if (file % 200 === 0) mkdirSync(inside, { recursive: true });
    const from = Math.floor(random() * (text.length - 600));
    writeFileSync(join(inside, `f${file}`), text.subarray(from, from + Math.floor(random() * 600)));
  }
}

/** Changes one file in a hundred, or one percent of a single file. Differently for each `round`. */
export function change(folder: string, round: number): void {
  const random = numbers(1000 + round);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const fresh = (length: number) => randomFillSync(Buffer.alloc(length));
  if (files.length === 1) {
    const [file = ''] = files;
    const handle = openSync(file, 'r+');
    const { size } = statSync(file);
    // In ten places, as a database or a disk image changes.
    const length = Math.floor(size / 1000);
    for (let place = 0; place < 10; place++) {
      writeSync(handle, fresh(length), 0, length, Math.floor(random() * (size - length)));
    }
    closeSync(handle);
    return;
  }
  for (const file of files) {
    if (random() >= 0.01) continue;
    const { size } = statSync(file);
    const handle = openSync(file, 'r+');
    const length = Math.min(size, 4096);
    writeSync(handle, fresh(length), 0, length, Math.floor(random() * (size - length)));
    closeSync(handle);
  }
}
