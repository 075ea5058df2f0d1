import { join } from 'node:path';
import { writeDurably } from '../base/durable.ts';

/** A machine that is reached over ssh, and how each side knows the other. */
export interface SshHost {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** File of the private key. */
  readonly sshKey: string;
  /** Public keys the host may have, each as in its `/etc/ssh/ssh_host_*_key.pub`: no other is believed. */
  readonly hostKey: readonly string[];
}

/** What the host is called for ssh and rsync: so its address never stands where a key is looked up. */
export const ALIAS = 'origin';

/**
 * Writes what ssh needs into `folder`, and gives the path of its configuration: one host, one key, nothing of this user's or this
 * machine's, no agent, nothing forwarded, and no question asked.
 */
export async function writeSshFiles(folder: string, ssh: SshHost): Promise<string> {
  const knownHosts = join(folder, 'known_hosts');
  const config = join(folder, 'ssh_config');
  await writeDurably(knownHosts, ssh.hostKey.map((key) => `${ALIAS} ${key.trim()}\n`).join(''));
  await writeDurably(config, sshConfig(ssh, knownHosts));
  return config;
}

export function sshConfig({ host, port, user, sshKey }: SshHost, knownHosts: string): string {
  const options = [
    `HostName ${host}`,
    `HostKeyAlias ${ALIAS}`,
    `Port ${port}`,
    `User ${user}`,
    `IdentityFile ${quoted(sshKey)}`,
    'IdentitiesOnly yes',
    'IdentityAgent none',
    `UserKnownHostsFile ${quoted(knownHosts)}`,
    'GlobalKnownHostsFile /dev/null',
    'StrictHostKeyChecking yes',
    'CheckHostIP no',
    'UpdateHostKeys no',
    'VerifyHostKeyDNS no',
    'BatchMode yes',
    'PreferredAuthentications publickey',
    'ForwardAgent no',
    'ForwardX11 no',
    'ClearAllForwardings yes',
    'PermitLocalCommand no',
    'ControlMaster no',
    'ControlPath none',
    'RequestTTY no',
    'EscapeChar none',
    'LogLevel ERROR',
    'ConnectTimeout 30',
    'ServerAliveInterval 15',
    'ServerAliveCountMax 4',
  ];
  return `Host ${ALIAS}\n${options.map((option) => `  ${option}\n`).join('')}`;
}

/** A path as ssh reads it: `%` begins a token. */
function quoted(path: string): string {
  return `"${path.replaceAll('%', '%%')}"`;
}
