import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { makeDirectory, writeDurably } from '../base/durable.ts';
import { PortcullisError } from '../base/errors.ts';
import type { Config, StoreConfig } from '../config/schema.ts';
import { type Identity, statePaths, writeIdentity } from '../config/state.ts';
import { GateFiles } from '../gate/files.ts';
import type { Protection } from '../store/canary.ts';
import {
  type ApplianceSecrets,
  createApplianceSecrets,
  createVaultId,
  verifyKeyFor,
} from '../vault/appliance-secrets.ts';
import { createVault } from '../vault/create.ts';
import { adopt } from './adopt.ts';
import type { Arguments, Command, Context } from './command.ts';
import { writeGateFile } from './gate-file.ts';
import { askPassphrase, provenFile, type Recipient, writeNew, writeNewKey } from './key-making.ts';
import { writeProtect } from './protect-file.ts';
import { writeRelayOff } from './relay-off.ts';

export const initCommand: Command = {
  name: 'init',
  about:
    'Make this appliance: its keys, its latch, the recovery keys, and the vault. Or, with --adopt, in the place of a dead one.',
  positionals: [],
  options: {
    'recovery-key': {
      type: 'string',
      value: 'FILE',
      multiple: true,
      about:
        'Where to write a recovery key; the file must not exist. Take it offline afterwards. Required; give it twice for two keys, each of which opens everything.',
    },
    passphrase: { type: 'boolean', about: 'Lock the recovery keys with a passphrase.' },
    vault: {
      type: 'string',
      value: 'DIR',
      about: 'Where the disk of the vault is mounted now. Default: the disk of the simulated board. Not for a bucket.',
    },
    adopt: {
      type: 'boolean',
      about:
        'Go on with a vault whose appliance is dead: this one becomes it. Needs --key. Never while that one may still run.',
    },
    key: { type: 'string', short: 'k', value: 'FILE', about: 'With --adopt: a recovery key of that vault.' },
    'expect-head': {
      type: 'string',
      value: 'HASH',
      about:
        'With --adopt: hash of a commit record that must be there, of a ledger or a report. Finds a vault whose newest snapshots were cut off.',
    },
  },
  examples: [
    'portcullis init --config ./portcullis.yaml --recovery-key /media/usb/recovery.key',
    'portcullis init --recovery-key first.key --recovery-key second.key --vault /mnt/vault',
    'portcullis init --adopt --key recovery.key --vault /mnt/vault',
  ],
  async run(args, context) {
    const keyFiles = args.texts('recovery-key');
    const adopting = args.flag('adopt');
    checkUse(args);
    for (const keyFile of keyFiles) {
      if (existsSync(keyFile))
        throw new PortcullisError('state.exists', `The file ${keyFile} exists; init never overwrites a key.`);
    }
    if (!adopting && !existsSync(args.configPath)) await writeExample(args.configPath, context);
    const config = await context.loadConfig(args.configPath);
    const paths = statePaths(config);
    if (existsSync(paths.identity)) {
      throw new PortcullisError('state.exists', `${config.appliance.state} already holds an appliance.`);
    }
    const place = placeOf(config, args.text('vault'));
    if (adopting) {
      const adopted = await adopt(args, context, config, place);
      await becomeAppliance(args, context, config, adopted);
      adopted.report(nameOf(place));
      return 0;
    }
    const { runtime } = config.appliance;
    const bucket = place.kind === 's3' ? await context.examineStore(place, runtime) : undefined;
    const passphrase = args.flag('passphrase') ? await askPassphrase(context) : undefined;
    await makeDirectory(config.appliance.state);
    if (place.kind === 'directory') await makeDirectory(place.path);
    const secrets = createApplianceSecrets();
    const vaultId = createVaultId();
    const verifyKey = verifyKeyFor(secrets.signing);
    const publicKeys: Buffer[] = [];
    for (const keyFile of keyFiles) {
      publicKeys.push((await writeNewKey(keyFile, { vaultId, verifyKey }, passphrase)).publicKey);
    }
    const recipients: Recipient[] = [];
    // From the files as they lie on the disk, after all of them were written.
    for (const keyFile of keyFiles)
      recipients.push(await provenFile(keyFile, { vaultId, verifyKey }, undefined, askOnce(context, passphrase)));
    const store = await context.openStore(place);
    await createVault(store, { vaultId, secrets, recipients: publicKeys, wall: context.clock.wall() });
    const identity = await becomeAppliance(args, context, config, { secrets, vaultId, verifyKey, recipients });
    // Only where the protecting process will look for it.
    const isThere =
      place.kind === 'directory' && place.immutable === true && resolve(place.path) === nameOf(config.vault.store);
    const protection = isThere ? await context.examineStore(place, runtime) : bucket;
    report(args.json, context, { config: args.configPath, keyFiles, disk: nameOf(place), identity, protection });
    return 0;
  },
};

function checkUse(args: Arguments): void {
  const wrong = (what: string) => new PortcullisError('usage.wrong', what);
  const keyFiles = args.texts('recovery-key');
  if (args.flag('adopt')) {
    if (args.text('key') === undefined) throw wrong('init --adopt needs --key, a recovery key of the vault.');
    if (keyFiles.length > 0 || args.flag('passphrase'))
      throw wrong(
        'init --adopt makes no key: the vault keeps those it has. `portcullis keys` changes them afterwards.',
      );
    return;
  }
  for (const option of ['key', 'expect-head'])
    if (args.text(option) !== undefined) throw wrong(`--${option} goes with --adopt.`);
  if (keyFiles.length === 0) throw wrong('init needs --recovery-key.');
  if (new Set(keyFiles.map((file) => resolve(file))).size < keyFiles.length)
    throw wrong('Two recovery keys need two files.');
}

/** Answers with the passphrase that was just typed twice. */
function askOnce(context: Context, passphrase: string | undefined): Context {
  return passphrase === undefined ? context : { ...context, ask: async () => passphrase };
}

/** Writes down who this appliance is. Last of all its identity: what has one is whole. */
async function becomeAppliance(
  args: Arguments,
  context: Context,
  config: Config,
  made: {
    readonly secrets: ApplianceSecrets;
    readonly vaultId: Buffer;
    readonly verifyKey: Buffer;
    readonly recipients: readonly Recipient[];
  },
): Promise<Identity> {
  const paths = statePaths(config);
  await makeDirectory(dirname(paths.sealingSecret));
  await writeDurably(paths.sealingSecret, made.secrets.sealing.reveal());
  await writeDurably(paths.signingSeed, made.secrets.signing.reveal());
  const id = randomBytes(16).toString('hex');
  // Whoever makes the appliance stands at it: the rules it begins with need no press.
  await new GateFiles(paths.gateState, id).create(context.clock.wall(), await writeGateFile(config, id));
  await writeRelayOff(args.configPath, config);
  const identity: Identity = {
    version: 1,
    id,
    vaultId: made.vaultId.toString('hex'),
    verifyKey: made.verifyKey.toString('base64'),
    recipients: [...made.recipients],
  };
  await writeProtect(args.configPath, config, identity);
  await writeIdentity(paths.identity, identity);
  return identity;
}

/** Where the vault can be reached now. A disk's place while isolated only the simulated board has; a bucket has one place. */
function placeOf({ board, vault }: Config, disk: string | undefined): StoreConfig {
  if (vault.store.kind === 's3') {
    if (disk === undefined) return vault.store;
    throw new PortcullisError('usage.wrong', `--vault is for a disk, and the vault is ${nameOf(vault.store)}.`);
  }
  if (disk !== undefined) return { ...vault.store, path: disk };
  if (board.driver === 'simulated') return { ...vault.store, path: join(board.directory, 'disk') };
  throw new PortcullisError('usage.wrong', 'init needs --vault: where the disk of the vault is mounted now.');
}

function nameOf(store: StoreConfig): string {
  if (store.kind === 'directory') return store.path;
  return [store.endpoint.replace(/\/$/, ''), store.bucket, store.prefix].filter((part) => part !== undefined).join('/');
}

function report(
  json: boolean,
  context: Context,
  made: {
    config: string;
    keyFiles: readonly string[];
    disk: string;
    identity: Identity;
    protection: Protection | undefined;
  },
): void {
  if (json) {
    context.out(`${JSON.stringify(made)}\n`);
    return;
  }
  context.out(
    [
      `Made appliance ${made.identity.id} and vault ${made.identity.vaultId} in ${made.disk}.`,
      ...(made.protection === undefined ? [] : [`Protection:    ${made.protection.kind}. ${made.protection.detail}`]),
      `Configuration: ${made.config}`,
      ...made.keyFiles.map((file) => `Recovery key:  ${file}: it opened its challenge.`),
      `Move ${made.keyFiles.length === 1 ? 'it' : 'them'} offline now, or print ${made.keyFiles.length === 1 ? 'it' : 'them'} (portcullis keys sheet): without a recovery key the vault cannot be read.`,
      `Next: portcullis doctor --config ${made.config}, then portcullis run --config ${made.config}.`,
      '',
    ].join('\n'),
  );
}

/** A configuration that works as it is, with the simulated board, and shows where to go on. */
async function writeExample(path: string, context: Context): Promise<void> {
  await mkdir(dirname(resolve(path)), { recursive: true });
  await writeNew(path, EXAMPLE);
  context.err(`There was no ${path}: wrote one to start from, with the simulated board.`);
}

const EXAMPLE = `# Portcullis. Relative paths are read from the directory of this file.
# Every key and its default: portcullis config schema
appliance:
  state: state
  runtime: state/run
  clock: system            # synchronised: connect on schedule only while the clock is

board:
  driver: simulated        # a directory that behaves like the hardware
  directory: board

windows:                   # connecting is permitted only inside one of these
  - name: nightly
    cron: '30 2 * * *'
    duration: 1h
    timezone: UTC

vault:
  store:
    kind: directory
    path: vault            # exists only while connected

sources:
  - name: configuration
    kind: directory
    path: .
    exclude: [state, board, vault, '*.key']
# - name: orders-repo
#   kind: git
#   url: https://git.example.com/orders.git
# - name: orders-db
#   kind: command
#   command: [pg_dump, --format=custom, orders]
#   file: orders.dump

# intake:
#   sources:
#     # The shipped rules find destructive acts; a label airgap_action: drop on an alert of yours trips as well (docs/alert-rules.md).
#     - name: alertmanager
#       format: alertmanager
#       auth: { scheme: bearer, secrets: [{ file: alertmanager.token }] }
#       heartbeat: { every: 5m }
#     # Coding agents ask at /tools/agents before they act (docs/integrations/agent-hooks.md).
#     - name: agents
#       format: tool-hook
#       auth: { scheme: bearer, secrets: [{ file: agents.token }] }
#       heartbeat: none
`;
