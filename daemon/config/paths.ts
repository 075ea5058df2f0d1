import { relative, resolve, sep } from 'node:path';
import type { Config, NotifyConfig, SecretRef, SourceConfig, StoreConfig, TlsConfig } from './schema.ts';

/** `config` with every path in it made absolute, from the directory the file stands in. */
export function resolvePaths(config: Config, directory: string): Config {
  const at = (path: string) => resolve(directory, path);
  const { appliance, board, vault, ledger, intake, notify, sources } = config;
  return {
    ...config,
    appliance: {
      ...appliance,
      state: at(appliance.state),
      runtime: at(appliance.runtime),
      ...(appliance.work === undefined ? {} : { work: at(appliance.work) }),
    },
    board: resolveBoard(board, directory),
    vault: {
      ...vault,
      store: resolveStore(vault.store, directory),
      ...(vault.staging === undefined ? {} : { staging: at(vault.staging) }),
    },
    ledger: ledger.path === undefined ? ledger : { path: at(ledger.path) },
    sources: sources.map((source) => resolveSource(source, directory)),
    notify: resolveNotify(notify, directory),
    intake: {
      ...intake,
      ...(intake.tls === undefined ? {} : { tls: resolveTls(intake.tls, directory) }),
      sources: intake.sources.map(({ auth, ...source }) => ({
        ...source,
        auth: 'secrets' in auth ? { ...auth, secrets: auth.secrets.map((ref) => resolveSecret(ref, directory)) } : auth,
      })),
    },
  };
}

function resolveStore(store: StoreConfig, directory: string): StoreConfig {
  switch (store.kind) {
    case 'directory':
      return { ...store, path: resolve(directory, store.path) };
    case 's3':
      return {
        ...store,
        accessKeyId: resolveSecret(store.accessKeyId, directory),
        secretAccessKey: resolveSecret(store.secretAccessKey, directory),
      };
  }
}

function resolveBoard(board: Config['board'], directory: string): Config['board'] {
  if (board.driver === 'simulated') return { ...board, directory: resolve(directory, board.directory) };
  const at = <R extends typeof board.relay>(relay: R): R =>
    relay.driver === 'serial' ? { ...relay, port: resolve(directory, relay.port) } : relay;
  const { relay, relay2, uplink, device } = board;
  return {
    ...board,
    relay: at(relay),
    ...(relay2 === undefined ? {} : { relay2: at(relay2) }),
    ...(uplink === undefined ? {} : { uplink: { ...uplink, relay: at(uplink.relay) } }),
    ...(device === undefined ? {} : { device: resolve(directory, device) }),
  };
}

export function resolveTls({ certificate, key, clientCa }: TlsConfig, directory: string): TlsConfig {
  const at = (path: string) => resolve(directory, path);
  const pair = { certificate: at(certificate), key: at(key) };
  return clientCa === undefined ? pair : { ...pair, clientCa: at(clientCa) };
}

function resolveSource(source: SourceConfig, directory: string): SourceConfig {
  // An address or a program found by PATH stays what it is; ./ and ../ say that a file is meant.
  const local = (text: string) => (/^\.\.?\//.test(text) ? resolve(directory, text) : text);
  switch (source.kind) {
    case 'git':
      return {
        ...source,
        url: local(source.url),
        ...(source.token === undefined ? {} : { token: resolveSecret(source.token, directory) }),
        ...(source.sshKey === undefined ? {} : { sshKey: resolve(directory, source.sshKey) }),
        ...(source.knownHosts === undefined ? {} : { knownHosts: resolve(directory, source.knownHosts) }),
      };
    case 'github':
    case 'gitlab':
    case 'gitea':
      return { ...source, token: resolveSecret(source.token, directory) };
    case 'ssh':
      return { ...source, sshKey: resolve(directory, source.sshKey) };
    case 's3': {
      const at = (ref: SecretRef) => resolveSecret(ref, directory);
      return {
        ...source,
        accessKeyId: at(source.accessKeyId),
        secretAccessKey: at(source.secretAccessKey),
        ...(source.sessionToken === undefined ? {} : { sessionToken: at(source.sessionToken) }),
      };
    }
    case 'directory':
      return { ...source, path: resolve(directory, source.path) };
    case 'command':
      return { ...source, command: source.command.map((word, index) => (index === 0 ? local(word) : word)) };
    case 'sqlite':
      return { ...source, path: resolve(directory, source.path) };
    case 'postgresql':
    case 'mariadb':
    case 'mysql':
    case 'mongodb':
    case 'redis':
    case 'etcd':
      return resolveDatabase(source, directory);
  }
}

function resolveNotify({ targets, deadman, ...notify }: NotifyConfig, directory: string): NotifyConfig {
  const at = (ref: SecretRef) => resolveSecret(ref, directory);
  return {
    ...notify,
    targets: targets.map((target) => {
      switch (target.kind) {
        case 'email':
          return target.password === undefined ? target : { ...target, password: at(target.password) };
        case 'webhook':
        case 'ntfy':
          return { ...target, url: at(target.url), ...(target.secret && { secret: at(target.secret) }) };
        case 'slack':
        case 'teams':
          return { ...target, url: at(target.url) };
        default:
          return target satisfies never;
      }
    }),
    ...(deadman === undefined ? {} : { deadman: { ...deadman, url: at(deadman.url) } }),
  };
}

type ServedDatabase = Exclude<Extract<SourceConfig, { timeout: string }>, { kind: 'command' | 'sqlite' }>;

function resolveDatabase<S extends ServedDatabase>(source: S, directory: string): S {
  const files = ['tools', 'ca', 'certificate', 'key'] as const;
  const resolved: Record<string, unknown> = {};
  for (const file of files) {
    const path = (source as Partial<Record<(typeof files)[number], string>>)[file];
    if (path !== undefined) resolved[file] = resolve(directory, path);
  }
  if (source.password !== undefined) resolved['password'] = resolveSecret(source.password, directory);
  return { ...source, ...resolved };
}

export function resolveSecret(ref: SecretRef, directory: string): SecretRef {
  return 'file' in ref ? { file: resolve(directory, ref.file) } : ref;
}

/** True when `path` is `directory` or lies in it, by name: links are not followed. Both absolute. */
export function isWithin(path: string, directory: string): boolean {
  const way = relative(directory, path);
  return way !== '..' && !way.startsWith(`..${sep}`);
}
