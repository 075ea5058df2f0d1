/** The seal job: reads one source, leaves a batch of finished ciphertext in staging. Never sees the vault. */
import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { syncDirectory } from '../base/durable.ts';
import { errnoOf, PortcullisError } from '../base/errors.ts';
import { type SealMessage, type SealRequest, sealRequest } from '../base/jobs.ts';
import type { Lines } from '../base/lines.ts';
import type { SourceConfig } from '../config/schema.ts';
import { readOwnSecret } from '../config/state.ts';
import { globsTest } from '../sources/glob.ts';
import { openSource } from '../sources/open.ts';
import { seal } from '../vault/seal.ts';
import { sealThreads } from '../vault/seal-plan.ts';
import { SeenFiles } from '../vault/seen-files.ts';
import { type Failed, serveJob } from './job.ts';
import { processLog } from './process.ts';
import { withSecrets } from './source-secrets.ts';

const log = processLog('seal');

/** Programs that a source has started, in process groups of their own, end with us: their killing needs no turn of the event loop. */
const ending = new AbortController();
process.on('exit', () => ending.abort());
process.once('SIGTERM', () => process.exit(0));

/** Characters of what a source says it is doing. */
const MAX_WHAT = 300;
/** How often it is looked whether staging has room again. */
const FULL_MS = 500;

async function work(request: SealRequest, lines: Lines<SealMessage | Failed>): Promise<void> {
  // The keeper has checked it: it is a source of its own configuration.
  const settings = withSecrets(request.source as unknown as SourceConfig, process.env);
  const source = openSource(settings, { environment: process.env, clock: systemClock, log });
  const workdir = join(request.work, settings.name);
  await makeWorkdir(workdir, settings.name);
  const { signal } = ending;
  const { entries, facts } = await source.pull({
    workdir,
    signal,
    progress: ({ what, ...rest }) => lines.send({ type: 'pulling', what: what.slice(0, MAX_WHAT), ...rest }),
  });
  const sealing = await readOwnSecret(request.secret);
  const vaultId = Buffer.from(request.vaultId, 'hex');
  const sealed = await seal({
    staging: request.staging,
    stagingLimit: request.stagingLimit,
    state: request.index,
    sealing,
    vaultId,
    recipients: request.recipients.map((recipient) => Buffer.from(recipient, 'base64')),
    source: { name: settings.name, kind: settings.kind },
    facts,
    entries,
    wall: request.wall,
    signal,
    threads: sealThreads(request.maxMemory, availableParallelism()),
    level: request.compression,
    expires: request.expires,
    // Names of files: it lies with the working copies, which are plaintext too.
    seen: new SeenFiles(() => systemClock.wall(), {
      path: join(request.work, `.${settings.name}.seen`),
      secret: sealing.reveal(),
      vaultId,
    }),
    ...(settings.kind === 'directory' || settings.kind === 'ssh' ? { isCanary: globsTest(settings.canaries) } : {}),
    part: (batch) => lines.send({ type: 'part', batch }),
    full: async () => {
      lines.send({ type: 'full' });
      await new Promise<void>((resolve) => systemClock.after(FULL_MS, resolve));
    },
    progress: ({ files, bytes, newBytes }) => lines.send({ type: 'progress', files, bytes, newBytes }),
  });
  const { batch, files, bytes, newBytes, packs, problemCount, problems, doubts, pinnedBytes, adopted, removed } =
    sealed;
  if (adopted > 0) log.info('took over what a killed seal had left in staging', { packs: adopted });
  if (removed.length > 0)
    log.warn('removed what a killed seal had left in staging and nobody can use', { batches: removed });
  lines.send({
    type: 'done',
    batch,
    files,
    bytes,
    newBytes,
    packs,
    problemCount,
    problems: [...problems],
    pinnedBytes,
    doubts: [...doubts],
  });
}

/**
 * The folder of a source. Not the one above it, which somebody may have named in a volume that is not mounted now: what belongs there,
 * encrypted, would be written beside it.
 */
async function makeWorkdir(workdir: string, source: string): Promise<void> {
  try {
    await mkdir(workdir, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return;
    if (errnoOf(error) !== 'ENOENT') throw error;
    throw new PortcullisError(
      'source.failed',
      `Source ${source}: the folder of working copies ${dirname(workdir)} does not exist; mount its volume, or make it.`,
    );
  }
  await syncDirectory(dirname(workdir));
}

serveJob(sealRequest, work);
