/** Whether files begin as their names say, for the kinds of files that a team has most of. Nothing is refused by it: only many at once mean something. */

const ascii = (text: string) => Buffer.from(text, 'latin1');
const ZIP = [ascii('PK\x03\x04'), ascii('PK\x05\x06')];
const TIFF = [ascii('II*\0'), ascii('MM\0*')];

/** First bytes by the end of the name; at which offset, where that is not the beginning. */
const MAGIC: Readonly<Record<string, { readonly at?: number; readonly any: readonly Buffer[] }>> = {
  jpg: { any: [Buffer.from('ffd8ff', 'hex')] },
  jpeg: { any: [Buffer.from('ffd8ff', 'hex')] },
  png: { any: [ascii('\x89PNG\r\n\x1a\n')] },
  gif: { any: [ascii('GIF8')] },
  webp: { any: [ascii('RIFF')] },
  tif: { any: TIFF },
  tiff: { any: TIFF },
  pdf: { any: [ascii('%PDF-')] },
  zip: { any: ZIP },
  jar: { any: ZIP },
  docx: { any: ZIP },
  xlsx: { any: ZIP },
  pptx: { any: ZIP },
  odt: { any: ZIP },
  ods: { any: ZIP },
  gz: { any: [Buffer.from('1f8b', 'hex')] },
  tgz: { any: [Buffer.from('1f8b', 'hex')] },
  bz2: { any: [ascii('BZh')] },
  xz: { any: [ascii('\xfd7zXZ\0')] },
  zst: { any: [Buffer.from('28b52ffd', 'hex')] },
  '7z': { any: [ascii("7z\xbc\xaf'\x1c")] },
  mp4: { at: 4, any: [ascii('ftyp')] },
  mov: { at: 4, any: [ascii('ftyp'), ascii('moov'), ascii('mdat'), ascii('wide'), ascii('free')] },
  mp3: { any: [ascii('ID3'), Buffer.from('fffb', 'hex'), Buffer.from('fff3', 'hex'), Buffer.from('fff2', 'hex')] },
  sqlite: { any: [ascii('SQLite format 3\0')] },
  pack: { any: [ascii('PACK')] },
};
const TEXT = new Set(
  'c cc conf cpp cs css csv go h html ini java js json jsx log lua md php pl py rb rs sh sql svg toml ts tsx txt xml yaml yml'.split(
    ' ',
  ),
);
/** Of a text so many bytes are looked at. */
const LOOKED = 512;
const LONGEST_END = 6;

/** `head` is the file's first bytes. Undefined where the name says nothing, or there is no content. */
export function beginsAsNamed(path: Buffer, head: Uint8Array): boolean | undefined {
  const dot = path.lastIndexOf(0x2e);
  if (dot === -1 || path.length - dot - 1 > LONGEST_END || head.length === 0) return undefined;
  const end = path.toString('latin1', dot + 1).toLowerCase();
  if (TEXT.has(end)) return isText(head.subarray(0, LOOKED));
  const magic = Object.hasOwn(MAGIC, end) ? MAGIC[end] : undefined;
  const { at = 0 } = magic ?? {};
  return magic?.any.some((bytes) => bytes.equals(head.subarray(at, at + bytes.length)));
}

/** Of ciphertext of 512 bytes one in 10²⁰ has so few control characters. Every encoding of text that is in use but UTF-16 has. */
function isText(bytes: Uint8Array): boolean {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) return true;
  let control = 0;
  for (const byte of bytes)
    if (byte < 9 || (byte > 13 && byte < 27) || (byte > 27 && byte < 32) || byte === 127) control++;
  return control * 50 <= bytes.length;
}
