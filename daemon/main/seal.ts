/** The seal job: reads one source, leaves a batch of finished ciphertext in staging. Never sees the vault. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { makeDirectory } from '../base/durable.ts';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import { type SealMessage, type SealRequest, sealRequest } from '../base/jobs.ts';
import type { Lines } from '../base/lines.ts';
import { Secret } from '../base/secret.ts';
import { openSource, type SourceSettings } from '../sources/open.ts';
import { seal } from '../vault/seal.ts';
import { type Failed, serveJob } from './job.ts';
import { processLog } from './process.ts';

const log = processLog('seal');

async function work(request: SealRequest, lines: Lines<SealMessage | Failed>): Promise<void> {
  // The keeper has checked it: it is a source of its own configuration.
  const settings = request.source as unknown as SourceSettings;
  const source = openSource(settings, { environment: process.env, clock: systemClock, log });
  const workdir = join(request.work, settings.name);
  await makeDirectory(workdir);
  const { signal } = new AbortController();
  const { entries, facts } = await source.pull({ workdir, signal });
  const sealed = await seal({
    staging: request.staging,
    state: request.index,
    sealing: await readSecret(request.secret),
    vaultId: Buffer.from(request.vaultId, 'hex'),
    recipients: request.recipients.map((recipient) => Buffer.from(recipient, 'base64')),
    source: { name: settings.name, kind: settings.kind },
    facts,
    entries,
    wall: request.wall,
    signal,
    progress: ({ files, bytes, newBytes }) => lines.send({ type: 'progress', files, bytes, newBytes }),
  });
  const { batch, files, bytes, newBytes, packs, problemCount, problems, doubts, removed } = sealed;
  if (removed.length > 0) log.warn('removed what a killed seal had left in staging', { batches: removed });
  lines.send({
    type: 'done',
    batch,
    files,
    bytes,
    newBytes,
    packs,
    problemCount,
    problems: [...problems],
    doubts: [...doubts],
  });
}

async function readSecret(path: string): Promise<Secret> {
  try {
    return new Secret(await readFile(path));
  } catch (error) {
    throw new PortcullisError('state.uninitialised', `The sealing secret cannot be read: ${reasonOf(error)}.`);
  }
}

serveJob(sealRequest, work);
