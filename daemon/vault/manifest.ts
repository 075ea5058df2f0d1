import { canonical, type Json } from '../base/canonical.ts';
import { anything, flag, integer, list, type Of, record, text } from '../base/shape.ts';
import { deflate, inflate } from './compression.ts';
import { HEADER_LENGTH, TYPE } from './format.ts';
import { newHeader, openUnder, readHeader, sealWhole } from './header.ts';
import { exactly, loose } from './loose.ts';
import { pathFromJson, pathToJson } from './paths.ts';
import { type Reference, referenceFromJson, referenceToJson } from './reference.ts';

/** Manifests: docs/vault-format.md section 3.8. */

const source = loose({ name: text(), kind: text() });
const shape = loose({
  version: exactly(1),
  source,
  time: text(),
  facts: record(anything, 100_000),
  files: integer(),
  bytes: integer(),
  problems: integer(),
  ordered: flag,
  list: list(loose({ first: pathFromJson, at: referenceFromJson }), Number.MAX_SAFE_INTEGER),
});

export type Manifest = Of<typeof shape>;

export interface NewManifest {
  readonly source: { readonly name: string; readonly kind: string };
  readonly time: string;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly files: number;
  readonly bytes: number;
  readonly problems: number;
  readonly ordered: boolean;
  readonly list: readonly { readonly first: Buffer; readonly at: Reference }[];
}

export function encodeManifest(
  manifest: NewManifest,
  vaultId: Buffer,
  session: { readonly id: Buffer; readonly key: Uint8Array },
): Buffer {
  const { name, kind } = manifest.source;
  const json = canonical({
    ...manifest,
    version: 1,
    source: { name, kind },
    // Whatever a source gave as a fact becomes plain JSON here.
    facts: JSON.parse(JSON.stringify(manifest.facts)) as Json,
    list: manifest.list.map((piece) => ({ first: pathToJson(piece.first), at: referenceToJson(piece.at) })),
  });
  return sealWhole(newHeader(TYPE.manifest, session.id), session.key, 'manifest', vaultId, deflate(Buffer.from(json)));
}

/** Throws when a bit differs or the key is another. */
export function decodeManifest(bytes: Buffer, vaultId: Buffer, sessionKey: Uint8Array): Manifest {
  const header = readHeader(bytes, TYPE.manifest);
  const plain = inflate(openUnder(header, sessionKey, 'manifest', vaultId, bytes.subarray(HEADER_LENGTH)));
  return shape(JSON.parse(plain.toString('utf8')), 'manifest');
}
