import { z } from 'zod';
import {
  cron,
  duration,
  forgeUrl,
  gitUrl,
  host,
  mailAddress,
  matching,
  name,
  networkInterface,
  path,
  patternFault,
  remoteHost,
  s3Endpoint,
  size,
  timezone,
  whole,
} from './values.ts';

/**
 * The whole configuration: one file, every key described. JSON Schema and the reference are generated from here. Each
 * value is judged by itself; what several of them must have in common is in `rules.ts`.
 */

const secretRef = z
  .union(
    [
      z.strictObject({ file: path.describe('File whose content, less one trailing newline, is the secret.') }),
      z.strictObject({
        env: matching(/^[A-Za-z_][A-Za-z0-9_]*$/, "an environment variable's name").describe(
          'Environment variable that holds the secret.',
        ),
      }),
      z.strictObject({
        credential: matching(/^(?!\.)[A-Za-z0-9_.-]{1,255}$/, "a systemd credential's name").describe(
          'systemd credential of that name.',
        ),
      }),
    ],
    'where the secret stands, one of {file: PATH}, {env: VARIABLE}, {credential: NAME}',
  )
  .describe('Where a secret stands. Secrets never stand in this file.');
export type SecretRef = z.infer<typeof secretRef>;

const appliance = z.strictObject({
  name: name.default('portcullis').describe('Name shown on the page and in notifications.'),
  state: path.default('/var/lib/portcullis').describe('Directory of latch, budget, keys, working copies and staging.'),
  work: path
    .optional()
    .describe(
      'Directory of working copies of sources, which are plaintext: a folder within an encrypted volume. It is not made, so that nothing is written while that is not mounted. Default: work/ in the state directory.',
    ),
  runtime: path.default('/run/portcullis').describe('Directory of the sockets; only root or the gate may write it.'),
  clock: z
    .enum(['synchronised', 'system'])
    .default('synchronised')
    .describe(
      '`synchronised`: connect on schedule only while the system says its clock is synchronised. `system`: trust the clock as it is (a laptop, a test).',
    ),
});

const chip = matching(/^[A-Za-z0-9._:-]{1,31}$/, "a chip's label such as pinctrl-bcm2711").describe(
  'Label of the GPIO chip, as `gpiodetect` shows it: pinctrl-bcm2835, pinctrl-bcm2711, pinctrl-rp1. Never its number.',
);
const lineNumber = whole(0, 1023).describe('Line of the chip: the BCM number on a Raspberry Pi.');
const output = z
  .discriminatedUnion('driver', [
    z.strictObject({
      driver: z.literal('gpiochip').describe("The kernel's character device."),
      chip,
      line: lineNumber,
    }),
    z.strictObject({
      driver: z.literal('onoff').describe('sysfs: a killed process leaves the line driven.'),
      chip,
      line: lineNumber,
    }),
  ])
  .describe('A line this box drives; high is energised or lit.');
const relay = z
  .discriminatedUnion('driver', [
    ...output.options,
    z.strictObject({
      driver: z.literal('serial').describe('A relay board on a serial port.'),
      model: z
        .enum(['lcus', 'kmtronic', 'numato', 'waveshare', 'i7060'])
        .describe('LCUS, KMTronic, Numato, Waveshare Modbus RTU, ICP DAS I-7060.'),
      port: path.describe('Serial device; take the stable name below /dev/serial/by-id.'),
      channel: whole(1, 32).default(1).describe('Relay on the board, from 1.'),
      address: whole(1, 247)
        .optional()
        .describe('Address on the RS-485 bus, of boards that have one. Default: as delivered.'),
      spare: whole(1, 32)
        .optional()
        .describe('waveshare: another relay, with nothing connected, on which the timer is proven at each start.'),
      checksum: z.boolean().optional().describe('i7060: whether the module is set up to add checksums.'),
    }),
  ])
  .describe('A relay, through its normally-open contact; energised is line high.');
const input = z
  .discriminatedUnion('driver', [
    z.strictObject({
      driver: z.literal('gpiochip').describe("The kernel's character device."),
      chip,
      line: lineNumber,
      active: z
        .enum(['low', 'high'])
        .default('low')
        .describe('Level while the contact is made or the button is pressed.'),
      bias: z.enum(['none', 'up', 'down']).default('up').describe('Pull resistor inside the chip.'),
    }),
    z.strictObject({
      driver: z.literal('onoff').describe('sysfs, which knows no pull resistor.'),
      chip,
      line: lineNumber,
      active: z
        .enum(['low', 'high'])
        .default('low')
        .describe('Level while the contact is made or the button is pressed.'),
    }),
  ])
  .describe('A line this box reads.');

const board = z
  .discriminatedUnion('driver', [
    z.strictObject({
      driver: z
        .literal('simulated')
        .describe('No hardware: a process and a directory of files that behave as the hardware would.'),
      directory: path.describe('Directory of one-value files: relay, led, heartbeat, feedback, button.'),
      uplink: z
        .boolean()
        .default(false)
        .describe('Whether it has a second, network door: files uplink and uplink.feedback.'),
    }),
    z.strictObject({
      driver: z.literal('hardware').describe('A relay board, put together from its parts.'),
      relay,
      relay2: relay.optional().describe('A second relay in series: survives one welded contact.'),
      contacts: z
        .array(input)
        .max(2)
        .default([])
        .describe(
          'Auxiliary contacts: `active` is the level while the relay is made. Two of them: of relay and relay2, in this order. One over two relays: the mirror contacts of both in one line.',
        ),
      device: path
        .optional()
        .describe('Block device behind the link, such as /dev/disk/by-uuid/…; there only while it is alive.'),
      carrier: networkInterface
        .optional()
        .describe(
          'Network interface of this box at which the switched cable ends: its carrier is a proof, read by the keeper. It must be up at all times; while it is down nothing can be told.',
        ),
      probe: z
        .strictObject({
          host: remoteHost.describe(
            'IP address or name of the vault. An address needs no name service, which must not stand behind the link.',
          ),
          port: whole(1, 65_535).describe('TCP port that accepts connections while the vault is alive.'),
          timeout: duration('100ms', '10s')
            .default('1s')
            .describe('How long the vault may take to accept; three attempts in a row that fail say dead.'),
        })
        .optional()
        .describe(
          'A TCP connection to the vault, tried by the keeper and dropped without a word: the proof end to end.',
        ),
      led: z
        .union(
          [output, z.strictObject({ red: output, green: output, blue: output })],
          'one line, or red, green and blue',
        )
        .optional()
        .describe('One line, or three of an RGB LED.'),
      button: input.optional().describe('The button. Without one nothing that needs presence can be done.'),
      buzzer: output
        .optional()
        .describe('Sounds in lockout and fault, and ticks while a request waits for the button.'),
      supply: input
        .optional()
        .describe(
          "Senses the coils' supply behind the button's normally-closed pole; `active` is the level while there is current.",
        ),
      heartbeat: output.optional().describe('Feeds a dead-man circuit at 10 Hz while connecting or connected.'),
      uplink: z
        .strictObject({
          relay: relay.describe("The uplink's relay, through its normally-open contact; energised is line high."),
          contact: input.describe(
            "Auxiliary contact that proves the uplink's break: `active` is the level while it is made.",
          ),
          interface: matching(
            /^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,15}$/,
            'the name of a network interface such as eth1',
          ).describe('Network interface that it switches. Intake and time must not sit behind it.'),
        })
        .optional()
        .describe('A second, network door: never connected together with the vault.'),
    }),
  ])
  .describe('The relay board and what is wired to it.');

const gate = z.strictObject({
  lease: duration('200ms', '10s')
    .default('1s')
    .describe('How long the relay stays energised without a renewal from the keeper.'),
  intakeLease: duration('200ms', '10s')
    .default('1s')
    .describe('How long intake may be silent before the link is isolated.'),
  maxConnection: duration('1s', '12h').default('1h').describe('Longest single connection.'),
  maxConnections: whole(1, 1440).default(24).describe('Most connections in 24 h of uptime.'),
  maxConnected: duration('1s', '24h').default('4h').describe('Most connected time in 24 h of uptime.'),
  minOff: duration('0s', '24h').default('1m').describe('Shortest time between two connections.'),
  settle: duration('50ms', '30s')
    .default('1s')
    .describe('How long commanded and measured state may disagree before it is a fault.'),
  deviceTimeout: duration('100ms', '10m')
    .default('30s')
    .describe('How long the device behind the link may take to appear after the relay is energised.'),
  presence: duration('5s', '10m').default('60s').describe('How long a request waits for the button.'),
  proofTest: duration('1d', '400d')
    .default('30d')
    .describe('After this long the next connection begins with a proof test of relays, contacts and proofs.'),
});

const window = z.strictObject({
  name: name.describe('Name of the window, unique.'),
  cron: cron.describe('Cron expression (five fields, or six with seconds first) of the moments the window begins.'),
  duration: duration('1s', '24h').describe('How long the window lasts.'),
  timezone: timezone.default('UTC').describe('IANA time zone the expression is in.'),
});

const kept = (about: string) => whole(0, 100_000).optional().describe(about);

export const storeSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('directory').describe('A mounted disk or share.'),
      path: path.describe('Directory of the vault; it exists only while connected.'),
      mount: matching(/^[A-Za-z0-9:_.\\-]{1,240}\.mount$/, 'a mount unit such as srv-vault.mount')
        .optional()
        .describe(
          'Mount unit of systemd that is started when the vault is connected and stopped before it is isolated. Default: whoever else mounts it.',
        ),
      immutable: z
        .boolean()
        .optional()
        .describe(
          'Whether what was shipped is made immutable, through portcullis-protect.socket, so that the user who ships can neither delete nor alter it. For ext4, xfs and btrfs. Default: no.',
        ),
    }),
    z.strictObject({
      kind: z.literal('s3').describe('A bucket that keeps versions, behind the switched link.'),
      endpoint: s3Endpoint.describe('Address of the S3 server or gateway.'),
      region: matching(/^[a-z0-9-]{1,64}$/, 'a region such as us-east-1')
        .default('us-east-1')
        .describe('Region that the server signs for. Ceph and MinIO take the default.'),
      bucket: matching(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "a bucket's name").describe(
        'Bucket, made beforehand with Object Lock. Portcullis makes none.',
      ),
      prefix: matching(
        /^(?!\.{1,2}(?:\/|$))(?!.*\/\.{1,2}(?:\/|$))[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/,
        'a folder of A–Z a–z 0–9 . _ - without a slash at its ends',
      )
        .optional()
        .describe('Folder of the vault in the bucket. Default: none.'),
      accessKeyId: secretRef.describe("Where the access key's ID stands."),
      secretAccessKey: secretRef.describe(
        'Where the secret access key stands. What is in the environment every process of the appliance sees; a file only who may read it.',
      ),
      objectLock: z
        .enum(['compliance', 'none'])
        .default('compliance')
        .describe(
          '`compliance`: every object is locked, and a bucket that does not refuse to delete one is refused. `none`: whoever has the credentials can delete the vault while it is connected.',
        ),
      retention: duration('1d', '36500d')
        .default('30d')
        .describe(
          'For how long everything that is kept is locked at any moment, at the least. Locks are written and extended to as much again at the most, and an object that is to go waits for its lock.',
        ),
      forcePathStyle: z
        .boolean()
        .default(true)
        .describe('Whether the bucket stands in the path, not in the host name, of a request.'),
    }),
  ])
  .describe('Where packs go.');

const vault = z.strictObject({
  store: storeSchema,
  keep: z
    .strictObject({
      last: kept('The newest so many snapshots of each source.'),
      hourly: kept('The newest of each of the last so many hours in which there is one, in UTC.'),
      daily: kept('The same for days.'),
      weekly: kept('The same for weeks, from Monday.'),
      monthly: kept('The same for months.'),
      yearly: kept('The same for years.'),
      floor: whole(1, 10_000)
        .default(3)
        .describe(
          'So many newest complete snapshots of each source that nobody doubts are kept whatever else is said.',
        ),
      grace: duration('1h', '3650d')
        .default('7d')
        .describe('How long a snapshot stays whole after the vault has been told that it goes.'),
    })
    .optional()
    .describe('What is kept; the rest expires, in a window, by a trusted clock. Default: everything is kept.'),
  staging: path
    .optional()
    .describe('Directory of finished ciphertext waiting for a window. Default: staging/ in the state directory.'),
  stagingLimit: size('1G', '999999T')
    .default('64G')
    .describe(
      'How much may wait in staging. When it is full sealing waits until a window has taken some of it into the vault.',
    ),
  maxMemory: size('128M', '64G')
    .default('200M')
    .describe(
      'Memory that sealing may take, the index of what is in the vault not counted (28 bytes a piece of 1 MB).',
    ),
  compression: whole(1, 19)
    .default(3)
    .describe('Level of zstd. From 10 on it is slower than most disks, and takes more memory than `maxMemory` says.'),
});

const sourceName = name.describe('Name of the source, unique; snapshots carry it.');

const gitSource = z.strictObject({
  name: sourceName,
  kind: z.literal('git').describe('A git repository with all its branches and tags.'),
  url: gitUrl.describe('Repository that git can fetch from. Credentials do not stand in it.'),
  username: matching(/^[^\0\n:]{1,255}$/, 'a user name')
    .optional()
    .describe('User name over https. Default: x-access-token, as forges have it with tokens.'),
  token: secretRef.optional().describe('Token or password over https, read-only at the origin.'),
  sshKey: path.optional().describe('Private key over ssh, read-only at the origin.'),
  knownHosts: path
    .optional()
    .describe("Public keys of hosts over ssh, as in known_hosts: no other is believed. Default: the system's."),
  submodules: z
    .boolean()
    .default(false)
    .describe(
      'Back up the repositories its submodules name, too. Whoever may push to it then decides what else is fetched: never anything of this machine, and never with its credentials from another host.',
    ),
});
const globs = z.array(z.string().min(1)).default([]);
const forge = {
  name: sourceName,
  owner: matching(/^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)*$/, 'the name of an organisation, group or user').describe(
    'Organisation, group or user: all of its repositories, with what belongs to them and to it.',
  ),
  token: secretRef.describe('Token that may read; docs/sources.md names its permissions.'),
  include: globs.describe('Glob patterns of repositories such as `acme/*`. None: all.'),
  exclude: globs.describe('Glob patterns of repositories to leave out.'),
};
const githubSource = z.strictObject({
  ...forge,
  kind: z.literal('github').describe('An organisation or user of GitHub, or of a GitHub Enterprise Server.'),
  url: forgeUrl
    .default('https://api.github.com')
    .describe('Address of its API: of a server of your own https://HOST/api/v3.'),
});
const gitlabSource = z.strictObject({
  ...forge,
  kind: z.literal('gitlab').describe('A group with its subgroups, or a user, of GitLab.'),
  url: forgeUrl.default('https://gitlab.com').describe('Address of the GitLab.'),
});
const giteaSource = z.strictObject({
  ...forge,
  kind: z.literal('gitea').describe('An organisation or user of Gitea or Forgejo.'),
  url: forgeUrl.describe('Address of the Gitea or Forgejo.'),
});
const directorySource = z.strictObject({
  name: sourceName,
  kind: z.literal('directory').describe('A directory of this machine.'),
  path: path.describe('Directory to back up.'),
  exclude: z.array(z.string().min(1)).default([]).describe('Glob patterns of relative paths to leave out.'),
  canaries: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'Glob patterns of files that nobody has a reason to touch. A snapshot in which one is gone or another is suspicious: it alarms, and nothing expires until somebody has looked.',
    ),
});
const sshSource = z.strictObject({
  name: sourceName,
  kind: z.literal('ssh').describe('A directory of another machine, copied by rsync over ssh.'),
  host: remoteHost.describe('Machine that has it: a name or an address.'),
  port: whole(1, 65_535).default(22).describe('Port of its ssh.'),
  user: matching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/, 'a user name').describe(
    'User there that may read the directory.',
  ),
  path: matching(/^\/[^\0\n\r]*$/, 'a path that starts with /').describe(
    'Directory there. Where the key is bound to a folder by rrsync, the path in that folder.',
  ),
  sshKey: path.describe(
    'File of the private key, without a passphrase; docs/sources-directory.md says how to bind it.',
  ),
  hostKey: z
    .array(
      matching(
        /^(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) [A-Za-z0-9+/]+=*(?: [^\n\r]*)?$/,
        'a public key such as "ssh-ed25519 AAAA…"',
      ),
    )
    .min(1)
    .describe("The machine's public keys, each as in its /etc/ssh/ssh_host_*_key.pub: no other is believed."),
  exclude: globs.describe('Glob patterns of relative paths to leave out.'),
  canaries: globs.describe(
    'Glob patterns of files that nobody has a reason to touch, as of a directory of this machine.',
  ),
  attributes: z.boolean().default(true).describe('Whether extended attributes and ACLs are copied.'),
});
const s3Source = z.strictObject({
  name: sourceName,
  kind: z.literal('s3').describe('A bucket: objects with their metadata, tags and grants, and how it is set up.'),
  endpoint: s3Endpoint.describe(
    'Address of S3 or of what speaks as it does, such as https://s3.eu-central-1.amazonaws.com.',
  ),
  region: matching(/^[a-z0-9-]{1,64}$/, 'a region such as us-east-1')
    .default('us-east-1')
    .describe('Region that the server signs for. Ceph and MinIO take the default.'),
  bucket: matching(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "a bucket's name").describe('Bucket.'),
  prefix: z
    .string()
    .max(1024)
    .default('')
    .describe('Beginning of the keys that are backed up. Default: none, which is all of them.'),
  forcePathStyle: z
    .boolean()
    .default(true)
    .describe("Whether the bucket stands in the address's path, or, where that is not so, in its host name."),
  accessKeyId: secretRef.describe("Where the access key's ID stands; docs/sources-s3.md has a policy that only reads."),
  secretAccessKey: secretRef.describe('Where the secret access key stands.'),
  sessionToken: secretRef.optional().describe('Where the session token of credentials stands that do not last.'),
  versions: z
    .enum(['current', 'all'])
    .default('current')
    .describe('`current`: objects as they are. `all`: older versions and delete markers as well.'),
  include: globs.describe('Glob patterns of keys. None: all.'),
  exclude: globs.describe('Glob patterns of keys to leave out.'),
  tags: z.boolean().default(true).describe("Whether objects' tags are read, a request for each object and run."),
  acls: z.boolean().default(true).describe("Whether objects' grants are read, a request for each object and run."),
});
const commandSource = z.strictObject({
  name: sourceName,
  kind: z.literal('command').describe('What a program prints, such as a database dump.'),
  command: z
    .array(matching(/^[^\0]*$/, 'text'))
    .min(1)
    .describe('Program and arguments, run without a shell. Its standard output is what is backed up.'),
  file: matching(/^(?!\.{1,2}$)[^/\0]{1,255}$/, 'a file name without /')
    .default('stdout')
    .describe('File name the output gets in the snapshot.'),
  timeout: duration('1s', '24h').default('1h').describe('Killed, and no snapshot made, after this long.'),
});
const dumpTimeout = duration('1s', '24h').default('6h').describe('A dump that takes longer is killed, and lost.');
const databaseTools = path
  .optional()
  .describe("Folder of the database's programs, such as /usr/lib/postgresql/17/bin. Default: found by PATH.");
const databasePassword = secretRef.optional().describe('Password. Default: none, for servers that need none.');
const databaseUser = matching(/^[^\0\n]{1,128}$/, 'a user name');
const databaseNames = z
  .array(matching(/^[^\0\n]{1,128}$/, 'the name of a database'))
  .default([])
  .describe("Databases to dump. None: all of them, but the server's own.");
const databaseAccounts = z
  .boolean()
  .default(true)
  .describe('Whether users, roles and what they may are dumped as well.');
const databaseCa = path
  .optional()
  .describe(
    "Certificates the server's must be signed by: the connection is then TLS, and its name checked. Default: as server and program agree.",
  );
/** Of a server: a name or an address, or the path of a Unix socket. */
const databaseHost = matching(
  /^(?:[A-Za-z0-9][A-Za-z0-9._-]*|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+|\/[^\0\n]+)$/,
  'a host or a path',
);
const databaseServer = {
  name: sourceName,
  port: whole(1, 65_535),
  password: databasePassword,
  ca: databaseCa,
  tools: databaseTools,
  timeout: dumpTimeout,
};
const postgresqlSource = z.strictObject({
  ...databaseServer,
  kind: z.literal('postgresql').describe('PostgreSQL: pg_dump of each database, and pg_dumpall of its roles.'),
  host: databaseHost.default('localhost').describe('Host, or the folder of its Unix socket.'),
  port: databaseServer.port.default(5432).describe('Port.'),
  user: databaseUser.describe('Role that reads: docs/sources-databases.md has its grants.'),
  databases: databaseNames,
  maintenance: matching(/^[^\0\n]{1,63}$/, 'the name of a database')
    .default('postgres')
    .describe('Database that is asked which others there are.'),
  accounts: databaseAccounts,
});
const mariadb = {
  ...databaseServer,
  host: databaseHost.default('localhost').describe('Host, or the path of its Unix socket.'),
  port: databaseServer.port.default(3306).describe('Port.'),
  user: databaseUser.describe('User that reads: docs/sources-databases.md has its grants.'),
  databases: databaseNames,
  accounts: databaseAccounts,
};
const mariadbSource = z.strictObject({
  ...mariadb,
  kind: z.literal('mariadb').describe('MariaDB: mariadb-dump of each database, and of its users.'),
});
const mysqlSource = z.strictObject({
  ...mariadb,
  kind: z.literal('mysql').describe('MySQL: mysqldump of each database, and its users.'),
});
const sqliteSource = z.strictObject({
  name: sourceName,
  kind: z.literal('sqlite').describe('A database in one file of this machine, copied while it is used.'),
  path: path.describe('File of the database.'),
  timeout: dumpTimeout,
});
const mongodbSource = z.strictObject({
  ...databaseServer,
  kind: z.literal('mongodb').describe('MongoDB: archives of mongodump.'),
  host: matching(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'a host')
    .default('localhost')
    .describe('Host.'),
  port: databaseServer.port.default(27_017).describe('Port.'),
  user: databaseUser.optional().describe('User with the role backup. Default: none, for servers that need none.'),
  authDatabase: matching(/^[^\0\n]{1,63}$/, 'the name of a database')
    .default('admin')
    .describe('Database that knows the user.'),
  replicaSet: matching(/^[A-Za-z0-9._-]{1,127}$/, 'the name of a replica set')
    .optional()
    .describe('Replica set the server belongs to: the dump of all databases is then of one moment.'),
  databases: databaseNames.describe('Databases to dump, each in an archive of its own. None: all, in one.'),
});
const redisSource = z.strictObject({
  ...databaseServer,
  kind: z.literal('redis').describe('Redis or Valkey: the data as a replica gets it.'),
  host: databaseHost.default('localhost').describe('Host, or the path of its Unix socket.'),
  port: databaseServer.port.default(6379).describe('Port.'),
  user: databaseUser.optional().describe('User of an ACL. Default: the default user.'),
});
const etcdSource = z.strictObject({
  name: sourceName,
  kind: z.literal('etcd').describe('etcd: a snapshot of one member.'),
  endpoint: matching(/^https?:\/\/[^\s/,@]+$/, 'an address such as https://HOST:2379')
    .default('http://127.0.0.1:2379')
    .describe('Address of one member.'),
  user: databaseUser.optional().describe('User with the role root. Default: none, for clusters without users.'),
  password: databasePassword,
  ca: databaseCa,
  certificate: path.optional().describe("The client's certificate. Default: none."),
  key: path.optional().describe('Its key.'),
  tools: databaseTools,
  timeout: dumpTimeout,
});
const source = z.discriminatedUnion('kind', [
  gitSource,
  githubSource,
  gitlabSource,
  giteaSource,
  directorySource,
  sshSource,
  s3Source,
  commandSource,
  postgresqlSource,
  mariadbSource,
  mysqlSource,
  sqliteSource,
  mongodbSource,
  redisSource,
  etcdSource,
]);

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()], 'text, a number, true, false or null');
const keys = z
  .array(z.union([z.string(), z.int().min(0)], 'a key, or a place in an array from 0'))
  .max(16)
  .describe('Keys from the root, one a step; a number is a place in an array. None: the root itself.');
const compared = 'What to compare with.';
const regularExpression = z
  .string()
  .min(1)
  .max(1000)
  .check(({ value, issues }) => {
    const fault = patternFault(value);
    if (fault !== undefined)
      issues.push({ code: 'custom', input: value, message: `a regular expression of RE2 (${fault})` });
  });
const matcher = z.discriminatedUnion('op', [
  z.strictObject({
    path: keys,
    op: z.enum(['eq', 'neq']).describe('Equal, or not equal; what is absent is not equal.'),
    value: scalar.describe(compared),
  }),
  z.strictObject({
    path: keys,
    op: z.literal('in').describe('Equal to one of the values.'),
    value: z.array(scalar).min(1).max(200).describe(compared),
  }),
  z.strictObject({ path: keys, op: z.literal('exists').describe('There is something, whatever it is.') }),
  z.strictObject({
    path: keys,
    op: z.enum(['prefix', 'suffix']).describe('Text that begins, or ends, with the value.'),
    value: z.string().min(1).describe(compared),
  }),
  z.strictObject({
    path: keys,
    op: z.literal('contains').describe('Text that contains the value, or an array with it among its items.'),
    value: z.union([z.string().min(1), z.number(), z.boolean()], 'text, a number, true or false').describe(compared),
  }),
  z.strictObject({
    path: keys,
    op: z.enum(['gte', 'lte']).describe('At least, at most; numbers written as text count.'),
    value: z.number().describe(compared),
  }),
  z.strictObject({
    path: keys,
    op: z
      .literal('re2')
      .describe('Text in which this regular expression of RE2 is found; (?i) before it ignores case.'),
    value: regularExpression.describe(compared),
  }),
]);
export type Matcher = z.infer<typeof matcher>;
export type Condition =
  | Matcher
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly none: readonly Condition[] }
  | { readonly each: Matcher['path']; readonly when: Condition };
const itemCondition: z.ZodType<Condition> = z
  .lazy(() => condition)
  .describe('What must hold for one of its items, which is the root of the paths in here.');
const condition: z.ZodType<Condition> = z
  .lazy(() => {
    const conditions = z.array(condition).min(1).max(50);
    return z.union(
      [
        matcher,
        z.strictObject({ all: conditions.describe('All of these hold.') }),
        z.strictObject({ any: conditions.describe('At least one of these holds.') }),
        z.strictObject({ none: conditions.describe('None of these holds.') }),
        z.strictObject({
          each: keys.describe('Path of an array; what stands there alone counts as an array of one.'),
          when: itemCondition,
        }),
      ],
      'a condition, one of {path, op, value}, {all: […]}, {any: […]}, {none: […]}, {each, when}',
    );
  })
  .meta({ id: 'Condition' });

/** What a rule may be asked about: the alert as it was sent, or what was recognised in it, wherever it stood. */
export const RULE_SUBJECTS = [
  'alert',
  'mark',
  'aws',
  'azure',
  'gcp',
  'kubernetes',
  'github',
  'gitlab',
  'falco',
  'finding',
  'platform',
  'sql',
  'command',
  'http',
  'tool',
] as const;

const ruleId = matching(/^[a-z0-9][a-z0-9._-]{0,99}$/, 'a short name of lower-case letters, digits, . _ and -');
const ruleOn = z
  .enum(RULE_SUBJECTS)
  .describe(
    'What the paths of the rule start at: `alert` is the alert as it was sent, the others what was recognised in it.',
  );
const ruleReason = z.string().min(1).max(300).describe('What the ledger and the page say when this rule trips.');
const ruleRate = z
  .strictObject({
    count: whole(2, 10_000).describe('So many matches trip.'),
    within: duration('1s', '1d').describe('When they fall into this time.'),
    per: keys.optional().describe('Path of what is counted apart. Default: who did it.'),
  })
  .describe('The limit of a rule that acts by `rate`. Default: the one all such rules share.');
const aboutAct =
  '`trip`: at the first match. `rate`: when there are too many. `context`: only makes `rate` trip at half as many, for ten minutes.';
const rule = z.strictObject({
  id: ruleId.describe('Name of the rule, unique in its source.'),
  on: ruleOn.default('alert'),
  reason: ruleReason,
  when: condition.describe('What must be true.'),
  except: condition.optional().describe('What must not be true besides.'),
  act: z.enum(['trip', 'rate', 'context']).default('trip').describe(aboutAct),
  rate: ruleRate.optional(),
});
export type Rule = z.infer<typeof rule>;
/** One for all sources: a new rule, or what is to be different about a shipped one of that name. */
const sharedRule = z.strictObject({
  id: ruleId.describe('Name of the rule: that of a shipped one changes it, another adds one.'),
  on: ruleOn.optional(),
  reason: ruleReason.optional(),
  when: condition.optional().describe('What must be true.'),
  except: condition.optional().describe('What must not be true besides.'),
  act: z.enum(['trip', 'rate', 'context', 'off']).optional().describe(`${aboutAct} \`off\`: never.`),
  rate: ruleRate.optional(),
});
export type SharedRule = z.infer<typeof sharedRule>;

const secrets = (about: string) => z.array(secretRef).min(1).max(2).describe(`${about}; two while rotating.`);
const signingSecrets = secrets('Secrets of at least 24 bytes');
const tolerance = duration('10s', '1h').default('5m').describe('How far the signed timestamp may be from now.');
const headerName = matching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/, "a header's name such as X-Signature");
const authSchemes = [
  z.strictObject({
    scheme: z
      .literal('standard-webhooks')
      .describe('Standard Webhooks: an HMAC-SHA256 (v1) or Ed25519 (v1a) over the raw body with a time stamp.'),
    secrets: secrets('`whsec_…` secrets of at least 24 bytes, or `whpk_…` public keys of Ed25519'),
    tolerance,
  }),
  z.strictObject({
    scheme: z.literal('gitlab').describe("GitLab's signing token, which signs the raw body with a time stamp."),
    secrets: secrets('`whsec_…` signing tokens'),
    tolerance,
  }),
  z.strictObject({
    scheme: z.literal('gitlab-token').describe("GitLab's secret token, sent as it is: prefer `gitlab`."),
    secrets: secrets('Tokens of at least 24 characters'),
  }),
  z.strictObject({
    scheme: z.literal('github').describe('GitHub: an HMAC-SHA256 over the raw body, without a time.'),
    secrets: signingSecrets,
  }),
  z.strictObject({
    scheme: z.literal('pagerduty').describe('PagerDuty webhooks v3: an HMAC-SHA256 over the raw body, without a time.'),
    secrets: signingSecrets,
  }),
  z.strictObject({
    scheme: z.literal('sentry').describe('Sentry integrations: an HMAC-SHA256 over the raw body, without a time.'),
    secrets: secrets("The integration's client secrets"),
  }),
  z.strictObject({
    scheme: z
      .literal('grafana')
      .describe('Grafana Alerting: an HMAC-SHA256 over the raw body, with a time if set up so.'),
    secrets: signingSecrets,
    header: headerName
      .optional()
      .describe('Header of the signature. Default: X-Grafana-Alerting-Signature or X-Grafana-Alert-Signature.'),
    timestampHeader: headerName
      .optional()
      .describe('Header of the timestamp, as in the contact point. Without it, what is signed can be replayed.'),
    tolerance,
  }),
  z.strictObject({
    scheme: z.literal('hmac').describe('Any other sender that signs the raw body with an HMAC.'),
    secrets: signingSecrets,
    header: headerName.describe('Header of the signature.'),
    algorithm: z.enum(['sha256', 'sha512']).default('sha256').describe('Hash of the HMAC.'),
    encoding: z.enum(['hex', 'base64']).default('hex').describe('How the signature is written.'),
    prefix: matching(/^[!-~]{0,32}$/, 'at most 32 printable characters, such as sha256=')
      .default('')
      .describe('What stands before the signature in its header.'),
    signed: matching(
      /^(?=[\s\S]*\{body\})(?![\s\S]*\{body\}[\s\S]*\{body\})(?![\s\S]*\{timestamp\}[\s\S]*\{timestamp\})(?:[ -z|~\n]|\{body\}|\{timestamp\}){1,200}$/,
      'printable text with {body} once and {timestamp} at most once, such as {timestamp}.{body}',
    )
      .default('{body}')
      .describe('What is signed. {body} is the raw body, {timestamp} the header `timestampHeader` as it was sent.'),
    timestampHeader: headerName
      .optional()
      .describe('Header of the signed timestamp: seconds or milliseconds since 1970, or RFC 3339.'),
    tolerance,
  }),
  z.strictObject({
    scheme: z.literal('aws-sns').describe('Amazon SNS: an RSA signature over the message and its time.'),
    secrets: secrets('Certificates that Amazon SNS signs with, in PEM: public, and pinned here'),
    topics: z
      .array(
        matching(
          /^arn:aws[a-z-]{0,20}:sns:[a-z0-9-]{1,40}:\d{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?$/,
          "a topic's ARN such as arn:aws:sns:eu-central-1:123456789012:alerts",
        ),
      )
      .min(1)
      .max(20)
      .describe("ARNs of the topics: Amazon signs every customer's with the same key."),
    signatureVersion: whole(1, 2)
      .default(2)
      .describe("The topic's attribute SignatureVersion: 1 is SHA-1, 2 is SHA-256."),
    tolerance,
  }),
  z.strictObject({
    scheme: z.literal('bearer').describe('A token in the Authorization header.'),
    secrets: secrets('Tokens of at least 24 characters'),
  }),
  z.strictObject({
    scheme: z.literal('basic').describe('User name and password in the Authorization header.'),
    username: matching(/^[ -9;-~]{1,100}$/, 'a user name of printable ASCII characters without a colon').describe(
      'User name.',
    ),
    secrets: secrets('Passwords of at least 24 characters'),
  }),
  z.strictObject({
    scheme: z
      .literal('mtls')
      .describe(
        "A certificate of the sender's own, issued by one of `intake.tls.clientCa`: `names`, `fingerprints` or both.",
      ),
    names: z
      .array(
        matching(
          /^(?! )[ !#-&(-+\--[\]-~]{1,253}(?<! )$/,
          'a name as the certificate has it, of printable ASCII characters without , " \' and \\',
        ),
      )
      .min(1)
      .max(20)
      .optional()
      .describe('DNS names, URIs, mail addresses or common names, each exactly as in the certificate. One is enough.'),
    fingerprints: z
      .array(
        matching(
          /^(?:[0-9A-Fa-f]{64}|[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){31})$/,
          'the SHA-256 of a certificate, 64 hexadecimal digits',
        ),
      )
      .min(1)
      .max(20)
      .optional()
      .describe('SHA-256 of certificates that are accepted whatever their names.'),
  }),
  z.strictObject({
    scheme: z
      .literal('secret-path')
      .describe('For senders that can do nothing else: they post to /alerts/NAME/SECRET, and the secret is in logs.'),
    secrets: secrets('Secrets of 24 to 100 letters, digits, - and _'),
  }),
] as const;

/** Shapes of bodies intake reads. */
export const FORMATS = [
  'alertmanager',
  'azure-monitor',
  'cloudevents',
  'crowdstrike',
  'datadog',
  'eventbridge',
  'falco',
  'github',
  'gitlab',
  'google-monitoring',
  'grafana',
  'json',
  'kibana',
  'kubernetes',
  'newrelic',
  'ocsf',
  'opensearch',
  'pagerduty',
  'pubsub',
  'sentinel',
  'sentry',
  'sns',
  'splunk',
  'sysdig',
  'tool-hook',
  'vercel',
  'wazuh',
  'zabbix',
] as const;
const heartbeat = z.strictObject({
  every: duration('10s', '30d').describe(
    'How often the source is heard at the least: `POST /heartbeat/NAME`, or any alert. It is silent when nothing has come for twice as long.',
  ),
  silence: z
    .enum(['block', 'warn', 'degrade'])
    .default('degrade')
    .describe(
      'What its silence does. `block`: nothing connects until it is heard. `warn`: it wants attention. `degrade`: it blocks, and once it has lasted for `after` it only warns.',
    ),
  after: duration('1h', '365d')
    .optional()
    .describe('`degrade`: how much silence blocks, as this box has seen it while it ran. Default: 3d.'),
});

const alertSource = z.strictObject({
  name: name.describe('Name of the sender, unique; it posts to /alerts/NAME.'),
  format: z.enum(FORMATS).describe('Shape of the body. `json`: any JSON object, or an array of them.'),
  auth: z.discriminatedUnion('scheme', authSchemes).describe('How the sender proves who it is.'),
  rules: z
    .array(rule)
    .max(200)
    .default([])
    .describe('Rules for this source beside those of all. Grouped alerts are judged one by one.'),
  unknown: z.enum(['trip', 'ignore']).default('trip').describe('What an authenticated body of unknown shape does.'),
  heartbeat: z
    .union([heartbeat, z.literal('none')], 'none, or a mapping with every')
    .optional()
    .describe(
      'How its silence is noticed; `none` where silence means nothing, as of an agent that asks only when it works. Default: it is not noticed, and the LED is yellow until this is decided.',
    ),
});
export type AlertSource = z.infer<typeof alertSource>;

const targetName = name.describe('Name of the receiver, unique.');
const least = z
  .enum(['info', 'warning', 'alarm'])
  .default('warning')
  .describe('The least that is told. alarm: lockout, fault, a gate that does not answer. info: also what is over.');
const receiver = <Kind extends string>(kind: Kind, about: string) =>
  z.strictObject({
    name: targetName,
    kind: z.literal(kind).describe(about),
    url: secretRef.describe('Where its whole URL stands: whoever has it can write there.'),
    least,
  });
const target = z.discriminatedUnion('kind', [
  receiver('webhook', 'JSON over HTTP.').extend({
    secret: secretRef.optional().describe('Signs what is sent, as Standard Webhooks: `whsec_` and base64.'),
  }),
  receiver('slack', 'An incoming webhook of Slack, or of what understands the same.'),
  receiver('teams', 'A workflow of Microsoft Teams that posts a card.'),
  receiver('ntfy', 'A topic of ntfy.').extend({ secret: secretRef.optional().describe('Access token of the topic.') }),
  z.strictObject({
    name: targetName,
    kind: z.literal('email').describe('Mail through a server.'),
    host: remoteHost.describe('The mail server.'),
    port: whole(1, 65_535).default(587).describe('Its TCP port.'),
    tls: z
      .boolean()
      .default(false)
      .describe(
        'TLS from the first byte (port 465). Otherwise STARTTLS, without which nothing is sent but to this box.',
      ),
    from: mailAddress.describe('Address of the sender.'),
    to: z.array(mailAddress).min(1).max(50).describe('Who gets it.'),
    username: matching(/^[^\0\r\n]{1,255}$/, 'a user name')
      .optional()
      .describe('User at the server.'),
    password: secretRef.optional().describe("The user's password."),
    least,
  }),
]);
const notify = z.strictObject({
  targets: z.array(target).max(20).default([]).describe('Receivers.'),
  quiet: z
    .strictObject({
      cron: cron.describe('When they begin.'),
      duration: duration('1m', '23h').describe('How long they last.'),
      timezone: timezone.default('UTC').describe('Time zone of the expression.'),
    })
    .optional()
    .describe('Hours in which only alarms are told; the rest waits.'),
  deadman: z
    .strictObject({
      url: secretRef.describe('Where its URL stands.'),
      every: duration('30s', '24h').default('5m').describe('How often it is called.'),
    })
    .optional()
    .describe(
      'An address that is called while keeper and gate are alive (healthchecks.io and the like): whoever is there notices when nobody calls.',
    ),
});
export type NotifyConfig = z.infer<typeof notify>;
export type TargetConfig = z.infer<typeof target>;

const listen = (port: number) =>
  z.strictObject({
    host: host.default('127.0.0.1'),
    port: whole(0, 65_535).default(port).describe('TCP port; 0 takes any free one.'),
  });

export const configSchema = z
  .strictObject({
    appliance: appliance.prefault({}).describe('The box itself and where it keeps its state.'),
    board,
    gate: gate.prefault({}).describe("The gate's own limits. It holds them whatever the other processes ask for."),
    windows: z.array(window).min(1).max(50).describe('When connecting is permitted.'),
    vault: vault.describe('Where the backups go.'),
    sources: z.array(source).min(1).max(500).describe('What is backed up.'),
    intake: listen(8642)
      .extend({
        maxBody: whole(1024, 64 << 20)
          .default(1 << 20)
          .describe('Largest body in bytes.'),
        tls: z
          .strictObject({
            certificate: path.describe('File of the certificate in PEM, with those between it and its root behind it.'),
            key: path.describe("File of the certificate's private key in PEM, without a passphrase."),
            clientCa: path
              .optional()
              .describe('File of the certificates in PEM of who issues those of senders. For `scheme: mtls`.'),
          })
          .optional()
          .describe('Speak HTTPS. Files that change are taken over within 30 s. Default: HTTP.'),
        sources: z.array(alertSource).max(100).default([]).describe('Who may send alerts.'),
        rules: z
          .array(sharedRule)
          .max(500)
          .default([])
          .describe('Rules for all sources beside the shipped ones, and what is to be different about shipped ones.'),
        agents: z
          .array(regularExpression)
          .max(100)
          .default([])
          .describe(
            'Regular expressions of RE2 that find the names of agents among those who act, such as ^arn:aws:iam::[0-9]+:role/agent-. What an agent tried and was refused counts as done.',
          ),
      })
      .prefault({})
      .describe('Where alerts arrive.'),
    web: listen(8640).prefault({}).describe("The operators' page."),
    notify: notify.prefault({}).describe('Who is told what a person has to know.'),
    ledger: z
      .strictObject({ path: path.optional().describe('SQLite file. Default: ledger.db in the state directory.') })
      .prefault({})
      .describe('The record of everything that happened.'),
  })
  .describe(
    'Configuration of Portcullis. Relative paths are read from the directory of the file. Secrets never stand in it.',
  );

export type Config = z.infer<typeof configSchema>;
export type SourceConfig = Config['sources'][number];
export type StoreConfig = Config['vault']['store'];
export type S3StoreConfig = Extract<StoreConfig, { kind: 's3' }>;
/** Paths of the files TLS is spoken with. */
export type TlsConfig = NonNullable<Config['intake']['tls']>;
export type WindowConfig = Config['windows'][number];
