/**
 * What the keeper and its jobs say to each other over a job's standard input and output, newline-delimited JSON.
 * One job, one conversation. A job ends when its standard input does.
 */
import { anything, flag, integer, list, number, type Of, object, optional, record, text, variants } from './shape.ts';

const path = text(4096);

/** Seal: read one source, leave a batch of finished ciphertext in staging. */
export const sealRequest = object({
  /** As in the configuration, secrets still references. */
  source: record(anything),
  staging: path,
  /** Where the index of what is sealed already is kept. */
  index: path,
  /** Where working copies of sources live. */
  work: path,
  /** File of the appliance's sealing secret. */
  secret: path,
  /** Public keys of the recipients, base64 of 32 bytes (X25519). */
  recipients: list(text(64)),
  vaultId: text(64),
  /** Bytes that may wait in staging. */
  stagingLimit: integer(),
  /** Bytes of memory that sealing may take, the index apart. */
  maxMemory: integer(),
  /** zstd's level. */
  compression: integer(1, 19),
  /** Snapshots expire, so packs of which little is needed are worth writing again. */
  expires: flag,
  /** Milliseconds since the epoch to write as the snapshot's time. */
  wall: number(),
});
export type SealRequest = Of<typeof sealRequest>;

export const sealMessage = variants('type', {
  /** What the source is doing before there is anything to seal, in words without secrets. */
  pulling: { what: text(300), done: integer(), total: optional(integer()) },
  progress: { files: integer(), bytes: integer(), newBytes: integer() },
  /** There is a part in staging that can be shipped, while sealing goes on. */
  part: { batch: text(100) },
  /** Staging is full: sealing waits until some of it has been shipped. Said again as long as it is. */
  full: {},
  done: {
    batch: text(100),
    files: integer(),
    bytes: integer(),
    newBytes: integer(),
    packs: integer(),
    /** How many entries could not be read whole, and the first of them in words. */
    problemCount: integer(),
    problems: list(text(10_000), 1000),
    /** Bytes that stay in the vault for what else is in their packs. */
    pinnedBytes: integer(),
    /** Why the source is doubted. */
    doubts: list(text(500), 10),
  },
  failed: { code: text(60), what: text(4000) },
});
export type SealMessage = Of<typeof sealMessage>;

/** Ship: copy finished batches into the store, verify them there, commit each with a signed record. */
export const shipRequest = variants('type', {
  ship: {
    /** As in the configuration, secrets still references. */
    store: record(anything),
    staging: path,
    index: path,
    batches: list(text(100)),
    vaultId: text(64),
    /** Ed25519 public key of the appliance, base64 of 32 bytes. */
    verifyKey: text(64),
    /** Hashes the newest commit record in the store may have; empty before the first. */
    heads: list(text(64), 10_000),
  },
  signature: { id: integer(), signature: text(200) },
  refused: { id: integer(), reason: text(500) },
});
export type ShipRequest = Of<typeof shipRequest>;

export const shipMessage = variants('type', {
  progress: { batch: text(100), bytes: integer(), total: integer(), object: text(200) },
  /** Please sign this commit record's canonical body. */
  sign: { id: integer(), batch: text(100), body: text(100_000) },
  committed: {
    batch: text(100),
    snapshot: text(100),
    seq: integer(),
    head: text(64),
    bytes: integer(),
    verifiedBytes: integer(),
    /** Of these, bytes that may have come from this machine's memory. */
    cachedBytes: integer(),
  },
  done: { bytes: integer(), verifiedBytes: integer(), cachedBytes: integer(), orphans: integer() },
  failed: { code: text(60), what: text(4000) },
});
export type ShipMessage = Of<typeof shipMessage>;

/** How many of each are kept: see `daemon/vault/retention.ts`. */
export const keepRulesShape = object({
  last: optional(integer()),
  hourly: optional(integer()),
  daily: optional(integer()),
  weekly: optional(integer()),
  monthly: optional(integer()),
  yearly: optional(integer()),
  floor: integer(1),
});

/** Sweep: name in a signed record what is to expire, and remove what has expired. */
export const sweepRequest = variants('type', {
  sweep: {
    /** As in the configuration, secrets still references. */
    store: record(anything),
    staging: path,
    index: path,
    vaultId: text(64),
    verifyKey: text(64),
    heads: list(text(64), 10_000),
    rules: optional(keepRulesShape),
    graceMs: number(0),
    /** A trusted time, milliseconds since the epoch. */
    wall: number(),
    /** Hashes of suspicious snapshots that a person has cleared. */
    cleared: list(text(64), 10_000),
    /** Most objects to remove, and most to look at for their locks. */
    most: integer(),
    mostLocks: integer(),
  },
  signature: { id: integer(), signature: text(200) },
  refused: { id: integer(), reason: text(500) },
});
export type SweepRequest = Of<typeof sweepRequest>;

export const sweepMessage = variants('type', {
  /** Please sign this tombstone's canonical body. */
  sign: { id: integer(), body: text(200_000) },
  /** The tombstone is in the vault. */
  committed: { seq: integer(), head: text(64) },
  done: {
    paused: optional(text(1000)),
    /** Sequence numbers of the snapshots that were named. */
    buried: list(integer(), 1000),
    removed: integer(),
    bytes: integer(),
    held: integer(),
    left: integer(),
    locked: optional(object({ looked: integer(), extended: integer(), left: integer() })),
  },
  failed: { code: text(60), what: text(4000) },
});
export type SweepMessage = Of<typeof sweepMessage>;

/**
 * Protect: make what is in the vault immutable, or let go of what has expired. Everything else that process knows by itself: whoever asks is the one
 * that the vault is protected against.
 */
export const protectRequest = variants('type', { protect: {}, expire: {} });
export type ProtectRequest = Of<typeof protectRequest>;

export const protectMessage = variants('type', {
  /** Objects made immutable now, immutable altogether, and those that could not be. */
  protected: { added: integer(), total: integer(), left: integer() },
  /** Objects that are immutable no more, or why there are none. */
  released: { objects: integer(), paused: optional(text(1000)) },
  failed: { code: text(60), what: text(4000) },
});
export type ProtectMessage = Of<typeof protectMessage>;
