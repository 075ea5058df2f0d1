import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { makeDirectory, writeDurably } from '../base/durable.ts';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import type { Config, StoreConfig } from '../config/schema.ts';
import { type Identity, statePaths, writeIdentity } from '../config/state.ts';
import { GateFiles } from '../gate/files.ts';
import type { Protection } from '../store/canary.ts';
import { createApplianceSecrets, createVaultId, verifyKeyFor } from '../vault/appliance-secrets.ts';
import { createVault } from '../vault/create.ts';
import {
  answerChallenge,
  createChallenge,
  createRecoveryKey,
  formatRecoveryKey,
  parseRecoveryKey,
} from '../vault/recovery-key.ts';
import type { Command, Context } from './command.ts';
import { writeGateFile } from './gate-file.ts';
import { writeProtect } from './protect-file.ts';
import { writeRelayOff } from './relay-off.ts';

export const initCommand: Command = {
  name: 'init',
  about: 'Make this appliance: its keys, its latch, the recovery key, and the vault.',
  positionals: [],
  options: {
    'recovery-key': {
      type: 'string',
      value: 'FILE',
      about: 'Where to write the recovery key; the file must not exist. Take it offline afterwards. Required.',
    },
    vault: {
      type: 'string',
      value: 'DIR',
      about: 'Where the disk of the vault is mounted now. Default: the disk of the simulated board. Not for a bucket.',
    },
  },
  examples: [
    'portcullis init --config ./portcullis.yaml --recovery-key /media/usb/recovery.key',
    'portcullis init --recovery-key recovery.key --vault /mnt/vault',
  ],
  async run(args, context) {
    const keyFile = args.text('recovery-key');
    if (keyFile === undefined) throw new PortcullisError('usage.wrong', 'init needs --recovery-key.');
    if (existsSync(keyFile))
      throw new PortcullisError('state.exists', `The file ${keyFile} exists; init never overwrites a key.`);
    if (!existsSync(args.configPath)) await writeExample(args.configPath, context);
    const config = await context.loadConfig(args.configPath);
    const paths = statePaths(config);
    if (existsSync(paths.identity)) {
      throw new PortcullisError('state.exists', `${config.appliance.state} already holds an appliance.`);
    }
    const place = placeOf(config, args.text('vault'));
    const { runtime } = config.appliance;
    const bucket = place.kind === 's3' ? await context.examineStore(place, runtime) : undefined;
    await makeDirectory(config.appliance.state);
    if (place.kind === 'directory') await makeDirectory(place.path);
    const secrets = createApplianceSecrets();
    const vaultId = createVaultId();
    const verifyKey = verifyKeyFor(secrets.signing);
    const recovery = createRecoveryKey(vaultId, verifyKey);
    await writeNew(keyFile, formatRecoveryKey(recovery));
    await proveKey(keyFile, recovery.publicKey, vaultId);
    const store = await context.openStore(place);
    await createVault(store, { vaultId, secrets, recipients: [recovery.publicKey], wall: context.clock.wall() });
    await makeDirectory(dirname(paths.sealingSecret));
    await writeDurably(paths.sealingSecret, secrets.sealing.reveal());
    await writeDurably(paths.signingSeed, secrets.signing.reveal());
    const id = randomBytes(16).toString('hex');
    // Whoever makes the appliance stands at it: the rules it begins with need no press.
    await new GateFiles(paths.gateState, id).create(context.clock.wall(), await writeGateFile(config, id));
    await writeRelayOff(args.configPath, config);
    const identity: Identity = {
      version: 1,
      id,
      vaultId: vaultId.toString('hex'),
      verifyKey: verifyKey.toString('base64'),
      recipients: [recovery.publicKey.toString('base64')],
    };
    await writeProtect(args.configPath, config, identity);
    // Last: what has an identity is whole.
    await writeIdentity(paths.identity, identity);
    // Only where the protecting process will look for it.
    const isThere =
      place.kind === 'directory' && place.immutable === true && resolve(place.path) === nameOf(config.vault.store);
    const protection = isThere ? await context.examineStore(place, runtime) : bucket;
    report(args.json, context, { config: args.configPath, keyFile, disk: nameOf(place), identity, protection });
    return 0;
  },
};

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

/** The holder of the key file opens a challenge, from the file as it lies on the disk, or there is no appliance. */
async function proveKey(keyFile: string, publicKey: Buffer, vaultId: Buffer): Promise<void> {
  const { challenge, answer } = await createChallenge(publicKey, vaultId);
  const read = parseRecoveryKey(await readFile(keyFile, 'utf8'));
  if ((await answerChallenge(read, challenge)) !== answer) {
    throw new PortcullisError('vault.key', `The recovery key in ${keyFile} does not open what is sealed to it.`);
  }
}

async function writeNew(path: string, content: string): Promise<void> {
  try {
    await writeFile(path, content, { flag: 'wx', mode: 0o600, flush: true });
  } catch (error) {
    throw new PortcullisError('usage.wrong', `Cannot write ${path}: ${reasonOf(error)}.`);
  }
}

function report(
  json: boolean,
  context: Context,
  made: { config: string; keyFile: string; disk: string; identity: Identity; protection: Protection | undefined },
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
      `Recovery key:  ${made.keyFile}: it opened its challenge. Print it or move it offline now; without it the vault cannot be read.`,
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
#     - name: alertmanager
#       format: alertmanager
#       auth: { scheme: bearer, secrets: [{ file: alertmanager.token }] }
#       rules:
#         - id: agent-destructive
#           reason: An agent destroys things.
#           when: { path: [labels, alertname], op: eq, value: AgentDestructive }
`;
