import { isoTime, parseTime } from '../base/clock.ts';
import { makeDirectory } from '../base/durable.ts';
import { PortcullisError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Config, StoreConfig } from '../config/schema.ts';
import { fingerprint, statePaths } from '../config/state.ts';
import { openLedger } from '../ledger/ledger.ts';
import type { ApplianceSecrets } from '../vault/appliance-secrets.ts';
import { expiredAt } from '../vault/buried.ts';
import { expectVault } from '../vault/format-object.ts';
import { rebuildIndex } from '../vault/rebuild-index.ts';
import { recover } from '../vault/recover.ts';
import type { Snapshot, Vault } from '../vault/vault.ts';
import type { Arguments, Context } from './command.ts';
import { asRecipient, type Recipient } from './key-making.ts';
import { nameOf, progressTo, readKey } from './vault-access.ts';

export interface Adopted {
  readonly secrets: ApplianceSecrets;
  readonly vaultId: Buffer;
  readonly verifyKey: Buffer;
  readonly recipients: readonly Recipient[];
  report(disk: string): void;
}

/**
 * Takes over the vault of a dead appliance: its secrets, what it remembered of the vault, and in a new ledger the head of the chain. What it leaves
 * behind when it is cut short is no appliance, and the next attempt begins again.
 */
export async function adopt(args: Arguments, context: Context, config: Config, place: StoreConfig): Promise<Adopted> {
  const paths = statePaths(config);
  const key = await readKey(args, context);
  const store = await context.openStore(place);
  await expectVault(store, key.vaultId);
  const { vault, secrets, recipients, head } = await recover(store, key, args.text('expect-head'));
  for (const { object, reason } of vault.refused) context.err(`REFUSED ${object}: it ${reason}.`);
  await makeDirectory(paths.index);
  const wall = context.clock.wall();
  const rebuilt = await rebuildIndex({
    store,
    state: paths.index,
    keys: vault.keys,
    chain: vault.chain,
    wall,
    progress: progressTo(context, ({ objects }) => `${objects} objects read`),
  });
  const snapshots = await vault.snapshots();
  const ledger = openLedger({ path: paths.ledger, clock: context.clock, log: logTo(context) });
  await ledger.start();
  try {
    const last = await ledger.head();
    // An attempt that was cut short after this leaves it as the only entry.
    if (last !== undefined && last.type !== 'vault.adopted')
      throw new PortcullisError('state.exists', `The ledger ${paths.ledger} is of an appliance: move it away first.`);
    const sources = await newestOf(vault, snapshots);
    const expired = expiredAt(vault.chain.records, wall);
    const suspicious = snapshots
      .filter(({ status, hash }) => status === 'suspicious' && !expired.has(hash))
      .map(({ seq, hash }) => ({ seq, head: hash }));
    if (head !== undefined)
      await ledger.append(
        'vault.adopted',
        { vault: key.vaultId.toString('hex'), seq: head.seq, head: head.hash, sources, suspicious },
        { durable: true },
      );
  } finally {
    await ledger.stop();
  }
  const named = recipients.map((publicKey, index) =>
    asRecipient(
      publicKey,
      publicKey.equals(key.publicKey) ? 'the key that adopted' : `from the vault, ${index + 1}`,
      context,
    ),
  );
  return {
    secrets,
    vaultId: key.vaultId,
    verifyKey: key.verifyKey,
    recipients: named,
    report: (disk) => {
      const newest = snapshots.at(-1);
      if (args.json) {
        const figures = { snapshots: snapshots.length, ...rebuilt, head: head?.hash, refused: vault.refused };
        context.out(`${JSON.stringify({ adopted: key.vaultId.toString('hex'), disk, ...figures })}\n`);
        return;
      }
      const lost =
        rebuilt.lost === 0 ? '' : ` ${rebuilt.lost} are lost; what the sources still have of them is sealed again.`;
      context.out(
        [
          `This appliance goes on with vault ${key.vaultId.toString('hex')} in ${disk}: ${snapshots.length} snapshots${newest === undefined ? '' : `, the newest ${newest.seq} of ${newest.time}`}.`,
          `Index:         ${rebuilt.packs} packs to build on, ${rebuilt.footers} of them by their footers.${lost}`,
          `Recovery keys: ${named.map(fingerprint).join(', ')}. Are they yours? \`portcullis keys\` shows and changes them.`,
          ...(args.text('expect-head') === undefined && head !== undefined
            ? [
                `Head:          record ${head.seq}, ${head.hash}. Compare it with the newest you know of: nothing else tells that the end was cut off.`,
              ]
            : []),
          `Next: portcullis doctor --config ${args.configPath}, then portcullis run --config ${args.configPath}.`,
          '',
        ].join('\n'),
      );
    },
  };
}

/** What status and page show of the past: the newest snapshot of each source. */
async function newestOf(vault: Vault, snapshots: readonly Snapshot[]) {
  const newest = new Map(snapshots.map((snapshot) => [snapshot.sourceId, snapshot]));
  const sources = [];
  for (const snapshot of newest.values()) {
    const { seq, name, time, status } = snapshot;
    const { files, bytes } = await vault.manifest(snapshot).catch((error: unknown) => {
      if (!(error instanceof PortcullisError)) throw error;
      return { files: 0, bytes: 0 };
    });
    const wall = parseTime(time) ?? 0;
    sources.push({ source: nameOf(snapshot), snapshot: name, seq, wall, files, bytes, partial: status === 'partial' });
  }
  return sources;
}

function logTo(context: Context): Log {
  const say = (message: string) => context.err(`${isoTime(context.clock.wall())} ${message}`);
  return { debug: () => {}, info: () => {}, warn: say, error: say };
}
