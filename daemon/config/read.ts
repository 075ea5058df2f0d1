import type { Secret } from '../base/secret.ts';
import { secretsOf } from './auth-secrets.ts';
import { behindUplink, type NetworkFacts } from './board-rules.ts';
import { accepts, findings } from './explain.ts';
import type { Fault, Finding } from './fault.ts';
import { resolvePaths, resolveSecret, resolveTls } from './paths.ts';
import { pathText } from './place.ts';
import { type Readable, readable } from './readable.ts';
import { locksTooShort, rules, skippedWindows } from './rules.ts';
import { type AlertSource, type Config, configSchema, type SecretRef, type SharedRule } from './schema.ts';
import { type Environment, readSecret } from './secret.ts';
import { secretsIn } from './source-secrets.ts';
import { readTls } from './tls.ts';
import { readYaml } from './yaml.ts';

export type Reading =
  | { readonly ok: true; readonly config: Config }
  /** In the order of the file. */
  | { readonly ok: false; readonly faults: readonly Fault[] };

/** What is looked at beyond the file itself, where a person asks for it (`config check`, `config apply`, `init`). */
export interface Surroundings {
  /** Milliseconds since the epoch: find windows whose beginning the clocks skip in the year after. */
  readonly wall: number;
  readonly environment: Environment;
  /** What this machine says of its network. */
  readonly network: NetworkFacts;
  /** What is wrong with a secret for this scheme, as the end of a sentence that begins with it, or undefined. */
  secretFault(scheme: AlertSource['auth']['scheme'], secret: Secret): string | undefined;
  /** What a rule for all sources lacks, as the end of a sentence that begins with its name, or undefined. */
  alertRuleFault(rule: SharedRule): string | undefined;
}

/**
 * Reads and judges a configuration: all faults in one run. `directory` is where the file stands; paths in the result are absolute.
 * Without `around` nothing outside the bytes is looked at.
 */
export function readConfig(bytes: Buffer, directory: string, around?: Surroundings): Reading {
  const yaml = readYaml(bytes);
  const faults = [...yaml.faults];
  let config: Config | undefined;
  if (yaml.value !== undefined) {
    const result = configSchema.safeParse(yaml.value, { error: accepts });
    const understood = readable(yaml.value);
    const found: Finding[] = [
      ...findings(yaml.value, result.error?.issues ?? []),
      ...rules(understood, directory),
      ...(around === undefined ? [] : skippedWindows(understood, around.wall)),
      ...(around === undefined ? [] : locksTooShort(understood, around.wall)),
      ...(around === undefined ? [] : secrets(understood, directory, around)),
      ...(around === undefined ? [] : alertRules(understood, around)),
      ...(around === undefined ? [] : tlsFiles(understood, directory)),
      ...(around === undefined ? [] : storeSecrets(understood, directory, around)),
      ...(around === undefined ? [] : sourceSecrets(understood, directory, around)),
      ...(around === undefined ? [] : notifySecrets(understood, directory, around)),
      ...(around === undefined ? [] : behindUplink(understood, around.network)),
    ];
    faults.push(
      ...found.map(({ place, found, accepted }) => ({
        path: pathText(place),
        line: yaml.lineOf(place),
        found,
        accepted,
      })),
    );
    config = result.data;
  }
  if (faults.length === 0 && config !== undefined) return { ok: true, config: resolvePaths(config, directory) };
  return { ok: false, faults: faults.sort((a, b) => a.line - b.line) };
}

function alertRules({ intake }: Readable, around: Surroundings): Finding[] {
  return (intake?.rules ?? []).flatMap((rule, index): Finding[] => {
    const fault = around.alertRuleFault(rule);
    if (fault === undefined) return [];
    const accepted = 'the name of a shipped rule, or a rule of your own with reason and when';
    return [{ place: ['intake', 'rules', index], found: `a rule ${rule.id} that ${fault}`, accepted }];
  });
}

function storeSecrets({ vault }: Readable, directory: string, around: Surroundings): Finding[] {
  if (vault?.store.kind !== 's3') return [];
  const { accessKeyId, secretAccessKey } = vault.store;
  return Object.entries({ accessKeyId, secretAccessKey }).flatMap(([key, ref]): Finding[] => {
    const read = readSecret(resolveSecret(ref, directory), around.environment);
    if (read.ok) return [];
    return [{ place: ['vault', 'store', key], found: read.fault, accepted: 'a secret this user may read' }];
  });
}

function sourceSecrets({ sources }: Readable, directory: string, around: Surroundings): Finding[] {
  return sources.flatMap((source, index): Finding[] =>
    Object.entries(source === undefined ? {} : secretsIn(source)).flatMap(([key, ref]): Finding[] => {
      const read = readSecret(resolveSecret(ref, directory), around.environment);
      if (read.ok) return [];
      return [{ place: ['sources', index, key], found: read.fault, accepted: 'a secret this user may read' }];
    }),
  );
}

function notifySecrets({ notify }: Readable, directory: string, around: Surroundings): Finding[] {
  const look = (place: Finding['place'], ref: SecretRef | undefined): Finding[] => {
    const read = ref === undefined ? undefined : readSecret(resolveSecret(ref, directory), around.environment);
    if (read === undefined || read.ok) return [];
    return [{ place, found: read.fault, accepted: 'a secret this user may read' }];
  };
  return [
    ...(notify?.targets ?? []).flatMap((target, index) =>
      (['url', 'secret', 'password'] as const).flatMap((key) =>
        look(
          ['notify', 'targets', index, key],
          (target as { readonly [name: string]: unknown })[key] as SecretRef | undefined,
        ),
      ),
    ),
    ...look(['notify', 'deadman', 'url'], notify?.deadman?.url),
  ];
}

function tlsFiles({ intake }: Readable, directory: string): Finding[] {
  if (intake?.tls === undefined) return [];
  const judged = readTls(resolveTls(intake.tls, directory));
  return judged.ok ? [] : judged.faults.map(({ key, ...fault }) => ({ ...fault, place: ['intake', 'tls', key] }));
}

function secrets({ alertSources }: Readable, directory: string, around: Surroundings): Finding[] {
  return alertSources.flatMap((source, index): Finding[] => {
    if (source === undefined) return [];
    return secretsOf(source.auth).flatMap((ref, number): Finding[] => {
      const place = ['intake', 'sources', index, 'auth', 'secrets', number];
      const read = readSecret(resolveSecret(ref, directory), around.environment);
      if (!read.ok) return [{ place, found: read.fault, accepted: 'a secret this user may read' }];
      const weakness = around.secretFault(source.auth.scheme, read.secret);
      if (weakness === undefined) return [];
      return source.auth.scheme === 'aws-sns'
        ? [{ place, found: `what ${weakness}`, accepted: 'a certificate that Amazon SNS signs with' }]
        : [{ place, found: `a secret that ${weakness}`, accepted: 'one generated from 32 random bytes' }];
    });
  });
}
