/** The keeper's process: `keeper.js CONFIG`. Schedule, ledger, page, and the cycle seal, connect, ship, verify, isolate. */
import { join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { makeDirectory } from '../base/durable.ts';
import { durationMs } from '../base/duration.ts';
import { reasonOf } from '../base/errors.ts';
import { sizeBytes } from '../base/size.ts';
import { windowsOf } from '../config/gate.ts';
import { heartbeatOf } from '../config/heartbeat.ts';
import { keepRules } from '../config/keep.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { readIdentity, readOwnSecret, statePaths } from '../config/state.ts';
import { GateClient } from '../intake/gate-client.ts';
import { Calendar } from '../keeper/calendar.ts';
import { Carrier } from '../keeper/carrier.ts';
import { acceptableHeads } from '../keeper/chain.ts';
import { conditionsOf, isGateAlive } from '../keeper/conditions.ts';
import { GateLink } from '../keeper/gate-link.ts';
import { Keeper } from '../keeper/keeper.ts';
import { LinkProofs } from '../keeper/link-proofs.ts';
import { MountUnit, NO_MOUNT } from '../keeper/mount-unit.ts';
import { deadmanOf, quietHours, targetsOf } from '../keeper/notify-setup.ts';
import type { KeeperStatus } from '../keeper/ports.ts';
import { Probe, tcpDial } from '../keeper/probe.ts';
import { KeeperSockets } from '../keeper/sockets.ts';
import { openLedger } from '../ledger/ledger.ts';
import { Notifier } from '../notify/notifier.ts';
import { type AtRest, atRest } from '../sources/at-rest.ts';
import { needsNetwork } from '../sources/open.ts';
import { NO_RECORD } from '../vault/format.ts';
import { readLost } from '../vault/lost-packs.ts';
import { signRecord } from '../vault/record.ts';
import { listBatches } from '../vault/staging.ts';
import { createWeb } from '../web/web.ts';
import { clockSynchronised } from './clock-trust.ts';
import { jobsOf } from './jobs.ts';
import { live, processLog, type Running } from './process.ts';
import { version } from './version.ts';

const log = processLog('keeper');

async function start(): Promise<Running> {
  const configPath = process.argv[2] ?? '';
  const config = await loadConfig(configPath);
  const { appliance, sources, vault, web: settings } = config;
  const paths = statePaths(config);
  const identity = await readIdentity(paths.identity);
  const signing = await readOwnSecret(paths.signingSeed);
  const vaultId = Buffer.from(identity.vaultId, 'hex');
  for (const path of [paths.staging, paths.index]) await makeDirectory(path);
  // One that was named may lie in a volume that is not mounted: nothing is to be written in its place.
  if (appliance.work === undefined) await makeDirectory(paths.work);
  const ledger = openLedger({ path: paths.ledger, clock: systemClock, log });
  await ledger.start();
  let calendar = new Calendar(windowsOf(config));
  /** The gate goes by other windows now: without them the keeper would let a new one go by unused. */
  const followRules = async () => {
    try {
      calendar = new Calendar(windowsOf(await loadConfig(configPath)));
    } catch (error) {
      log.error('the schedule stays as it was: the configuration cannot be read', { error });
    }
  };
  const keeper = new Keeper(
    {
      appliance: appliance.name,
      version,
      proofTestMs: durationMs(config.gate.proofTest) ?? 0,
      sources: sources.map((source) => ({
        name: source.name,
        kind: source.kind,
        network: needsNetwork(source),
        request: { ...source },
      })),
      alertSources: config.intake.sources.map((source) => {
        const heartbeat = heartbeatOf(source);
        return { name: source.name, ...(heartbeat && { heartbeat }), mayBeSilent: source.heartbeat === 'none' };
      }),
      seal: {
        staging: paths.staging,
        index: paths.index,
        work: paths.work,
        secret: paths.sealingSecret,
        vaultId: identity.vaultId,
        stagingLimit: sizeBytes(vault.stagingLimit) ?? 0,
        maxMemory: sizeBytes(vault.maxMemory) ?? 0,
        compression: vault.compression,
        expires: vault.keep !== undefined,
      },
      ship: {
        store: { ...vault.store },
        staging: paths.staging,
        index: paths.index,
        vaultId: identity.vaultId,
        verifyKey: identity.verifyKey,
      },
      ...(vault.keep === undefined ? {} : { keep: keepRules(vault.keep) }),
      locks: vault.store.kind === 's3' && vault.store.objectLock === 'compliance',
      immutable: vault.store.kind === 'directory' && vault.store.immutable === true,
      workingCopies: await workingCopies(paths.work),
    },
    {
      clock: systemClock,
      log,
      ledger,
      runner: jobsOf(appliance.runtime),
      createGateLink: (ports) =>
        new GateLink({
          ...ports,
          path: join(appliance.runtime, 'lease'),
          clock: systemClock,
          log,
          async record(record) {
            await ports.record(record);
            if (record.type === 'gate.rules_applied') await followRules();
          },
        }),
      windowAt: (wall) => calendar.at(wall),
      nextWindow: (wall) => calendar.next(wall),
      proofs: linkProofs(config.board),
      mount: 'mount' in vault.store && vault.store.mount !== undefined ? new MountUnit(vault.store.mount) : NO_MOUNT,
      recipients: async () => (await readIdentity(paths.identity)).recipients.map(({ key }) => key),
      clockTrusted: async () => appliance.clock === 'system' || (await clockSynchronised()),
      staged: async () =>
        (await listBatches(paths.staging)).map(({ batch, draft }) => ({
          batch,
          source: draft.source.name,
          wall: draft.body === undefined ? 0 : Date.parse(draft.body.time),
          files: draft.files,
          bytes: draft.bytes,
          partial: draft.body === undefined || draft.body.status === 'partial',
          suspicious: draft.body?.status === 'suspicious',
        })),
      lost: async () => [...(await readLost(paths.index))].map(([pack, problem]) => ({ pack, problem })),
      heads: (chain) => acceptableHeads(chain, NO_RECORD),
      sign: (heads, body, graceEnds) => {
        const expect = { vaultId, heads, ...(graceEnds === undefined ? {} : { graceEnds }) };
        const { signature, seq, hash } = signRecord(body, signing, expect);
        return { signature, seq, head: hash };
      },
    },
  );
  const notifier = new Notifier({
    appliance: appliance.name,
    targets: targetsOf(config, process.env),
    path: paths.outbox,
    conditions: () => conditionsOf(keeper.status()),
    quietAt: quietHours(config),
    deadman: deadmanOf(config, process.env),
    alive: () => isGateAlive(keeper.status()),
    clock: systemClock,
    log,
    record: (type, data) => keeper.note(type, data),
  });
  const sockets = new KeeperSockets(keeper, appliance.runtime, log);
  const gate = new GateClient(join(appliance.runtime, 'trip'), systemClock, log);
  const web = createWeb({ status: keeper, ledger, trip: gate, clock: systemClock, log });
  gate.start();
  await keeper.start();
  await notifier.start();
  await sockets.start();
  const port = await web.start(settings.host, settings.port);
  log.info('the page is served', { url: `http://${settings.host}:${port}/` });
  return {
    async stop() {
      await web.stop();
      await sockets.stop();
      await notifier.stop();
      await keeper.stop();
      gate.stop();
      await ledger.stop();
    },
  };
}

/** Whether working copies are encrypted while the box is off. Looked at once: a volume is not exchanged under a running keeper. */
async function workingCopies(path: string): Promise<NonNullable<KeeperStatus['workingCopies']>> {
  const { kind, detail } = await atRest(path).catch(
    (error: unknown): AtRest => ({ kind: 'unknown', detail: reasonOf(error) }),
  );
  return { path, atRest: kind, detail };
}

/** The proofs that are configured, taken from this box's network. */
function linkProofs(board: Config['board']): LinkProofs {
  if (board.driver === 'simulated') return new LinkProofs({});
  const { carrier, probe } = board;
  return new LinkProofs({
    ...(carrier === undefined ? {} : { carrier: new Carrier(carrier, systemClock) }),
    ...(probe === undefined
      ? {}
      : {
          probe: new Probe(
            `${probe.host} port ${probe.port}`,
            durationMs(probe.timeout) ?? 0,
            systemClock,
            tcpDial(probe.host, probe.port),
          ),
        }),
  });
}

await live(log, start);
