import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { alertRuleFault } from '../../daemon/alerts/rule-set.ts';
import type { NetworkFacts } from '../../daemon/config/board-rules.ts';
import { formatFaults } from '../../daemon/config/fault.ts';
import { compileGate } from '../../daemon/config/gate.ts';
import { readConfig, type Surroundings } from '../../daemon/config/read.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import { boardConfig, gateConfig } from '../../daemon/gate/config.ts';
import { broken, SOUND } from './samples.ts';

/** Of sources, in the order of the schema. */
const KINDS = configSchema.shape.sources.element.options.map(({ shape }) => shape.kind.value).join(', ');

/** The faults of `text`, one a line: "LINE PATH: found …; accepted is …". */
function faultsOf(text: string | Buffer, around?: Surroundings): string[] {
  const reading = readConfig(Buffer.from(text), '/etc/portcullis', around);
  return reading.ok
    ? []
    : formatFaults('', reading.faults)
        .split('\n')
        .map((line) => line.replace(/^:(\d+):/, '$1'));
}

const DURATION = (range: string) => `accepted is a duration ${range}, such as 500ms, 30s, 10m, 1h`;
const PATH = 'accepted is a path, absolute or relative to the directory of this file (~ is not expanded)';
const NAME = 'accepted is a short name of lower-case letters, digits, . _ and -';
const GIT_URL =
  'accepted is https://…, ssh://…, git://…, file://…, USER@HOST:PATH, or a path that starts with /, ./ or ../';

const HARDWARE = '  driver: hardware\n  relay: {driver: serial, model: lcus, port: /dev/ttyUSB0}\n';

const CASES: readonly [title: string, from: string, to: string, ...faults: string[]][] = [
  [
    'an unknown key',
    'windows:',
    'colour: red\nwindows:',
    '7 colour: found an unknown key; accepted is one of appliance, board, gate, windows, vault, sources, intake, web, notify, ledger',
  ],
  [
    'a slip in a key',
    '  state: state',
    '  sate: state',
    '2 appliance.sate: found an unknown key; accepted is one of name, state, work, runtime, clock (did you mean state?)',
  ],
  [
    'letters swapped',
    'board:\n',
    'baord:\n',
    '1 board: found nothing; accepted is a mapping',
    '4 baord: found an unknown key; accepted is one of appliance, board, gate, windows, vault, sources, intake, web, notify, ledger (did you mean board?)',
  ],
  [
    'another spelling',
    'board:\n',
    'gate: {max_connection: 1h}\nboard:\n',
    '4 gate.max_connection: found an unknown key; accepted is one of lease, intakeLease, maxConnection, maxConnections, maxConnected, minOff, settle, deviceTimeout, presence, proofTest (did you mean maxConnection?)',
  ],
  [
    "a key that is everybody's prototype",
    'board:\n',
    '__proto__: {driver: x}\nboard:\n',
    '4 __proto__: found an unknown key; accepted is one of appliance, board, gate, windows, vault, sources, intake, web, notify, ledger',
  ],
  [
    'a missing section',
    'vault:\n  store:\n    kind: directory\n    path: vault\n',
    '',
    '1 vault: found nothing; accepted is a mapping',
  ],
  [
    'an empty section',
    'vault:\n  store:\n    kind: directory\n    path: vault\n',
    'vault:\n',
    '11 vault: found an empty value; accepted is a mapping',
  ],
  ['a missing key', '    duration: 30m\n', '', `8 windows[0].duration: found nothing; ${DURATION('from 1s to 24h')}`],
  [
    'a list for a mapping',
    'board:\n  driver: simulated\n  directory: board\n',
    'board: [simulated]\n',
    '4 board: found a list of 1; accepted is a mapping',
  ],
  [
    'a mapping for a list',
    '  - name: nightly\n    cron: "30 3 * * *"\n    duration: 30m\n',
    '  name: nightly\n',
    '7 windows: found a mapping with name; accepted is a list',
  ],
  [
    'no window',
    '\n  - name: nightly\n    cron: "30 3 * * *"\n    duration: 30m\n',
    ' []\n',
    '7 windows: found an empty list; accepted is a list of at least 1',
  ],
  ['a name with a capital', 'name: repository', 'name: Repository', `16 sources[0].name: found "Repository"; ${NAME}`],
  ['a number for a name', 'name: repository', 'name: 7', `16 sources[0].name: found 7; ${NAME}`],
  ['a duration without unit', '30m', '30', `10 windows[0].duration: found 30; ${DURATION('from 1s to 24h')}`],
  ['a duration with two units', '30m', '1h30m', `10 windows[0].duration: found "1h30m"; ${DURATION('from 1s to 24h')}`],
  ['a duration too long', '30m', '25h', `10 windows[0].duration: found "25h"; ${DURATION('from 1s to 24h')}`],
  [
    'a duration that is no number',
    '30m',
    '99999999999999999999999d',
    `10 windows[0].duration: found "99999999999999999999999d"; ${DURATION('from 1s to 24h')}`,
  ],
  [
    'a whole number too small',
    'board:\n',
    'gate: {maxConnections: 0}\nboard:\n',
    '4 gate.maxConnections: found 0; accepted is a whole number from 1 to 1440',
  ],
  [
    'a broken number',
    'board:\n',
    'gate: {maxConnections: 2.5}\nboard:\n',
    '4 gate.maxConnections: found 2.5; accepted is a whole number from 1 to 1440',
  ],
  [
    'a port out of range',
    'intake:\n',
    'intake:\n  port: 70000\n',
    '27 intake.port: found 70000; accepted is a whole number from 0 to 65535',
  ],
  [
    'a host that needs a name server',
    'intake:\n',
    'intake:\n  host: example.org\n',
    '27 intake.host: found "example.org"; accepted is an IP address of this machine, or localhost',
  ],
  ['a home directory', 'state: state', 'state: ~/state', `2 appliance.state: found "~/state"; ${PATH}`],
  ['an empty path', 'state: state', 'state: ""', `2 appliance.state: found ""; ${PATH}`],
  ['a path with NUL', 'state: state', 'state: "a\\0b"', `2 appliance.state: found "a\\u0000b"; ${PATH}`],
  [
    'an unknown driver',
    'driver: simulated',
    'driver: simulatd',
    '5 board.driver: found "simulatd"; accepted is one of simulated, hardware (did you mean simulated?)',
  ],
  [
    'a carrier on no interface',
    '  driver: simulated\n  directory: board\n',
    `${HARDWARE}  carrier: eth0/carrier\n`,
    '7 board.carrier: found "eth0/carrier"; accepted is a network interface\'s name such as eth0, at most 15 characters',
  ],
  [
    'a carrier on the simulated board',
    '  directory: board\n',
    '  directory: board\n  carrier: eth0\n',
    '7 board.carrier: found an unknown key; accepted is one of driver, directory, uplink',
  ],
  [
    'a probe of nobody, nowhere, for ever',
    '  driver: simulated\n  directory: board\n',
    `${HARDWARE}  probe:\n    host: "nas:445"\n    port: 0\n    timeout: 1m\n`,
    '8 board.probe.host: found "nas:445"; accepted is an IP address, or a host name',
    '9 board.probe.port: found 0; accepted is a whole number from 1 to 65535',
    `10 board.probe.timeout: found "1m"; ${DURATION('from 100ms to 10s')}`,
  ],
  [
    'an address for a probe that is almost one',
    '  driver: simulated\n  directory: board\n',
    `${HARDWARE}  probe: {host: 192.0.2.256, port: 445}\n`,
    '7 board.probe.host: found "192.0.2.256"; accepted is an IP address, or a host name',
  ],
  [
    'a probe without a port',
    '  driver: simulated\n  directory: board\n',
    `${HARDWARE}  probe: {host: nas.lan}\n`,
    '7 board.probe.port: found nothing; accepted is a whole number from 1 to 65535',
  ],
  [
    'a missing driver',
    '  driver: simulated\n',
    '',
    '4 board.driver: found nothing; accepted is one of simulated, hardware',
  ],
  [
    'an unknown kind of source',
    'kind: git',
    'kind: svn',
    `17 sources[0].kind: found "svn"; accepted is one of ${KINDS}`,
  ],
  [
    'a kind with a slip',
    'kind: command',
    'kind: comand',
    `24 sources[2].kind: found "comand"; accepted is one of ${KINDS} (did you mean command?)`,
  ],
  [
    'a key of another kind',
    'url: ./origin.git',
    'url: ./origin.git\n    path: x',
    '19 sources[0].path: found an unknown key; accepted is one of name, kind, url, username, token, sshKey, knownHosts, submodules',
  ],
  [
    'a minute that does not exist',
    '30 3 * * *',
    '61 3 * * *',
    '9 windows[0].cron: found "61" as minute; accepted is numbers 0 to 59, *, ranges a-b, steps */n or a-b/n, lists a,b',
  ],
  [
    'several faults in one expression',
    '30 3 * * *',
    '30 24 * * fo',
    '9 windows[0].cron: found "24" as hour; accepted is numbers 0 to 23, *, ranges a-b, steps */n or a-b/n, lists a,b',
    '9 windows[0].cron: found "fo" as day of week; accepted is numbers 0 to 7 or names sun to sat, *, ranges a-b, steps */n or a-b/n, lists a,b',
  ],
  [
    'too few fields',
    '30 3 * * *',
    '30 3',
    '9 windows[0].cron: found "30 3"; accepted is five fields (minute, hour, day of month, month, day of week), or six with seconds first',
  ],
  [
    'an expression that never matches',
    '30 3 * * *',
    '0 0 31 2 *',
    '9 windows[0].cron: found "31" as day of month; accepted is a day that exists in month 2',
  ],
  [
    'an unknown time zone',
    'duration: 30m',
    'duration: 30m\n    timezone: Europe/Belin',
    '11 windows[0].timezone: found "Europe/Belin"; accepted is an IANA time zone such as Europe/Berlin or UTC (did you mean Europe/Berlin?)',
  ],
  [
    'an offset for a time zone',
    'duration: 30m',
    'duration: 30m\n    timezone: "+02:00"',
    '11 windows[0].timezone: found "+02:00"; accepted is an IANA time zone such as Europe/Berlin or UTC',
  ],
  ['an address that is none', './origin.git', 'origin', `18 sources[0].url: found "origin"; ${GIT_URL}`],
  [
    'an option for an address',
    './origin.git',
    '--upload-pack=evil:x',
    `18 sources[0].url: found "--upload-pack=evil:x"; ${GIT_URL}`,
  ],
  [
    'an address that runs a program',
    './origin.git',
    'ext::sh -c evil',
    `18 sources[0].url: found "ext::sh -c evil"; ${GIT_URL}`,
  ],
  [
    'a password in an address',
    './origin.git',
    'https://me:hunter2@example.org/x',
    '18 sources[0].url: found text that is not repeated here; accepted is an address without credentials: secrets never stand in this file',
  ],
  [
    'a token in an address',
    './origin.git',
    'https://ghp_hunter2@example.org/x',
    '18 sources[0].url: found text that is not repeated here; accepted is an address without credentials: secrets never stand in this file',
  ],
  [
    'an empty command',
    '[./dump, --all]',
    '[]',
    '25 sources[2].command: found an empty list; accepted is a list of at least 1',
  ],
  [
    'a number among the arguments',
    '[./dump, --all]',
    '[./dump, 7]',
    '25 sources[2].command[1]: found 7; accepted is text',
  ],
  [
    'a path for a file name',
    'command: [./dump, --all]',
    'command: [./dump]\n    file: a/b',
    '26 sources[2].file: found "a/b"; accepted is a file name without /',
  ],
  [
    'a secret in plain sight',
    '- file: token',
    '- hunter2hunter2hunter2',
    '33 intake.sources[0].auth.secrets[0]: found text that is not repeated here; accepted is where the secret stands, one of {file: PATH}, {env: VARIABLE}, {credential: NAME}',
  ],
  [
    "a slip in a secret's reference",
    '- file: token',
    '- fiel: hunter2hunter2',
    '33 intake.sources[0].auth.secrets[0]: found a mapping with fiel; accepted is where the secret stands, one of {file: PATH}, {env: VARIABLE}, {credential: NAME}',
  ],
  [
    'a secret in two places',
    '- file: token',
    '- {file: token, env: TOKEN}',
    '33 intake.sources[0].auth.secrets[0]: found a mapping with env, file; accepted is where the secret stands, one of {file: PATH}, {env: VARIABLE}, {credential: NAME}'.replace(
      'env, file',
      'file, env',
    ),
  ],
  [
    "a secret's reference of the wrong type",
    '- file: token',
    '- file: 7',
    `33 intake.sources[0].auth.secrets[0].file: found 7; ${PATH}`,
  ],
  [
    'a credential outside its directory',
    '- file: token',
    '- credential: ../token',
    "33 intake.sources[0].auth.secrets[0].credential: found text that is not repeated here; accepted is a systemd credential's name",
  ],
  [
    'an unknown scheme',
    'scheme: bearer',
    'scheme: baerer',
    '31 intake.sources[0].auth.scheme: found "baerer"; accepted is one of standard-webhooks, gitlab, gitlab-token, github, pagerduty, sentry, grafana, hmac, aws-sns, bearer, basic, mtls, secret-path (did you mean bearer?)',
  ],
  [
    'no scheme',
    '        scheme: bearer\n',
    '',
    '30 intake.sources[0].auth.scheme: found nothing; accepted is one of standard-webhooks, gitlab, gitlab-token, github, pagerduty, sentry, grafana, hmac, aws-sns, bearer, basic, mtls, secret-path',
  ],
  [
    'a password in plain sight',
    'scheme: bearer',
    'scheme: basic\n        username: siem\n        password: hunter2',
    '33 intake.sources[0].auth.password: found an unknown key; accepted is one of scheme, username, secrets',
  ],
  [
    'a user name that would end early',
    'scheme: bearer',
    'scheme: basic\n        username: "si:em"',
    '32 intake.sources[0].auth.username: found "si:em"; accepted is a user name of printable ASCII characters without a colon',
  ],
  [
    'three secrets',
    '- file: token',
    '- file: token\n          - env: A\n          - env: B',
    '32 intake.sources[0].auth.secrets: found a list of 3; accepted is a list of at most 2',
  ],
  [
    'a heartbeat too fast, a policy there is not, no patience at all',
    'format: alertmanager',
    'format: alertmanager\n      heartbeat:\n        every: 5s\n        silence: ignore\n        after: 1m',
    `31 intake.sources[0].heartbeat.every: found "5s"; ${DURATION('from 10s to 30d')}`,
    '32 intake.sources[0].heartbeat.silence: found "ignore"; accepted is one of block, warn, degrade',
    `33 intake.sources[0].heartbeat.after: found "1m"; ${DURATION('from 1h to 365d')}`,
  ],
  [
    'an end of waiting that never comes',
    'format: alertmanager',
    'format: alertmanager\n      heartbeat: {every: 5m, silence: block, after: 3d}',
    '30 intake.sources[0].heartbeat.after: found "3d" with silence: block; accepted is nothing, unless `silence` is degrade',
  ],
  [
    'a tolerance that checks nothing',
    'scheme: bearer',
    'scheme: gitlab\n        tolerance: 1d',
    `32 intake.sources[0].auth.tolerance: found "1d"; ${DURATION('from 10s to 1h')}`,
  ],
  [
    'a time that nobody signs',
    'scheme: bearer',
    'scheme: github\n        tolerance: 5m',
    '32 intake.sources[0].auth.tolerance: found an unknown key; accepted is one of scheme, secrets',
  ],
  [
    'an HMAC of many faults',
    'scheme: bearer',
    'scheme: hmac\n        header: "X Sum"\n        algorithm: sha1\n        encoding: base32\n        prefix: "v 0"\n        signed: "{time}.{body}"',
    '32 intake.sources[0].auth.header: found "X Sum"; accepted is a header\'s name such as X-Signature',
    '33 intake.sources[0].auth.algorithm: found "sha1"; accepted is one of sha256, sha512',
    '34 intake.sources[0].auth.encoding: found "base32"; accepted is one of hex, base64 (did you mean base64?)',
    '35 intake.sources[0].auth.prefix: found "v 0"; accepted is at most 32 printable characters, such as sha256=',
    '36 intake.sources[0].auth.signed: found "{time}.{body}"; accepted is printable text with {body} once and {timestamp} at most once, such as {timestamp}.{body}',
  ],
  [
    'an HMAC without a header',
    'scheme: bearer',
    'scheme: hmac',
    "30 intake.sources[0].auth.header: found nothing; accepted is a header's name such as X-Signature",
  ],
  ...['{timestamp}.', '{body}{body}', '{timestamp}{timestamp}{body}', '{body', '{body}ü', ''].map(
    (signed): [string, string, string, string] => [
      `${JSON.stringify(signed)} for what is signed`,
      'scheme: bearer',
      `scheme: hmac\n        header: X-Sum\n        signed: ${JSON.stringify(signed)}`,
      `33 intake.sources[0].auth.signed: found ${JSON.stringify(signed)}; accepted is printable text with {body} once and {timestamp} at most once, such as {timestamp}.{body}`,
    ],
  ),
  [
    'a signed time in no header',
    'scheme: bearer',
    'scheme: hmac\n        header: X-Sum\n        signed: "{timestamp}.{body}"',
    '33 intake.sources[0].auth.signed: found "{timestamp}.{body}"; accepted is text without {timestamp}, unless `timestampHeader` is set',
  ],
  [
    'a time in a header that is not signed',
    'scheme: bearer',
    'scheme: hmac\n        header: X-Sum\n        timestampHeader: X-Time',
    '33 intake.sources[0].auth.timestampHeader: found "X-Time"; accepted is nothing, unless `signed` has {timestamp} in it',
  ],
  [
    'Amazon SNS without a topic',
    'scheme: bearer',
    'scheme: aws-sns\n        topics: []\n        signatureVersion: 3',
    '32 intake.sources[0].auth.topics: found an empty list; accepted is a list of at least 1',
    '33 intake.sources[0].auth.signatureVersion: found 3; accepted is a whole number from 1 to 2',
  ],
  [
    'a topic that is none',
    'scheme: bearer',
    'scheme: aws-sns\n        topics: ["arn:aws:sns:eu-central-1:1234:alerts"]',
    '32 intake.sources[0].auth.topics[0]: found "arn:aws:sns:eu-central-1:1234:alerts"; accepted is a topic\'s ARN such as arn:aws:sns:eu-central-1:123456789012:alerts',
  ],
  [
    'an unknown operator',
    'op: gte',
    'op: ge',
    '44 intake.sources[0].rules[0].when.all[1].any[0].op: found "ge"; accepted is one of eq, neq, in, exists, prefix, suffix, contains, gte, lte, re2',
  ],
  [
    'a value of the wrong type',
    'value: 100',
    'value: many',
    '45 intake.sources[0].rules[0].when.all[1].any[0].value: found "many"; accepted is a number',
  ],
  [
    'a value where none belongs',
    'op: exists',
    'op: exists\n                    value: 1',
    '48 intake.sources[0].rules[0].when.all[1].any[1].value: found an unknown key; accepted is one of path, op',
  ],
  [
    'a missing value',
    '                value: MassDelete\n',
    '',
    '39 intake.sources[0].rules[0].when.all[0].value: found nothing; accepted is text, a number, true, false or null',
  ],
  [
    'a dotted path',
    'path: [labels, count]',
    'path: labels.count',
    '43 intake.sources[0].rules[0].when.all[1].any[0].path: found "labels.count"; accepted is a list',
  ],
  [
    'a slip in a condition',
    '- any:',
    '- ayn:',
    '42 intake.sources[0].rules[0].when.all[1]: found a mapping with ayn; accepted is a condition, one of {path, op, value}, {all: […]}, {any: […]}, {none: […]}, {each, when}',
  ],
  [
    'two conditions in one',
    '- any:',
    '- none: []\n                any:',
    '42 intake.sources[0].rules[0].when.all[1]: found a mapping with none, any; accepted is a condition, one of {path, op, value}, {all: […]}, {any: […]}, {none: […]}, {each, when}',
  ],
  [
    'two windows of one name',
    'vault:\n',
    '  - {name: nightly, cron: "0 5 * * *", duration: 1m}\nvault:\n',
    '11 windows[1].name: found "nightly", which is windows[0].name already; accepted is a name that no other in the list has',
  ],
  [
    'two sources of one name',
    'name: documents',
    'name: repository',
    '19 sources[1].name: found "repository", which is sources[0].name already; accepted is a name that no other in the list has',
  ],
  [
    'two alert sources of one name',
    '    - name: monitoring\n',
    '    - {name: monitoring, format: json, auth: {scheme: bearer, secrets: [{env: T}]}}\n    - name: monitoring\n',
    '29 intake.sources[1].name: found "monitoring", which is intake.sources[0].name already; accepted is a name that no other in the list has',
  ],
  [
    'two rules of one id',
    '        - id: mass-delete\n',
    '        - {id: mass-delete, reason: x, when: {path: [a], op: exists}}\n        - id: mass-delete\n',
    '36 intake.sources[0].rules[1].id: found "mass-delete", which is intake.sources[0].rules[0].id already; accepted is a name that no other in the list has',
  ],
  [
    'one port for both servers',
    'intake:\n',
    'web: {port: 8642}\nintake:\n',
    '26 web.port: found 8642, which intake listens on; accepted is a port of its own',
  ],
  [
    'one port, one server everywhere',
    'intake:\n',
    'web: {port: 8642, host: "::"}\nintake:\n',
    '26 web.port: found 8642, which intake listens on; accepted is a port of its own',
  ],
  [
    'one port under another name',
    'intake:\n',
    'web: {port: 8642, host: localhost}\nintake:\n',
    '26 web.port: found 8642, which intake listens on; accepted is a port of its own',
  ],
  [
    'staging in the vault',
    '    path: vault\n',
    '    path: vault\n  staging: vault/staging\n',
    '15 vault.staging: found "vault/staging", which lies in the vault; accepted is a path outside /etc/portcullis/vault, which does not exist while the vault is isolated',
  ],
  [
    'the state in the vault, by another way',
    'state: state',
    'state: ../portcullis/vault/../vault',
    '2 appliance.state: found "../portcullis/vault/../vault", which lies in the vault; accepted is a path outside /etc/portcullis/vault, which does not exist while the vault is isolated',
  ],
  [
    'working copies in the vault',
    'state: state',
    'state: state\n  work: vault/work',
    '3 appliance.work: found "vault/work", which lies in the vault; accepted is a path outside /etc/portcullis/vault, which does not exist while the vault is isolated',
  ],
  [
    'the ledger in the vault',
    'board:\n',
    'ledger: {path: vault/ledger.db}\nboard:\n',
    '4 ledger.path: found "vault/ledger.db", which lies in the vault; accepted is a path outside /etc/portcullis/vault, which does not exist while the vault is isolated',
  ],
  [
    'a source in the vault',
    'path: documents',
    'path: /etc/portcullis/vault/a',
    '21 sources[1].path: found "/etc/portcullis/vault/a", which lies in the vault; accepted is a path outside /etc/portcullis/vault, which does not exist while the vault is isolated',
  ],
  [
    'a runtime directory too long for sockets',
    'runtime: run',
    `runtime: /${'r'.repeat(99)}`,
    '3 appliance.runtime: found a path of 100 bytes; accepted is at most 99 bytes, so that the sockets in it fit into the 107 that Unix allows',
  ],
  [
    'a key given twice',
    '  runtime: run',
    '  runtime: run\n  state: other',
    '4 found a key that this mapping has already; accepted is one YAML 1.2 document',
  ],
  ['an alias', 'path: documents', 'path: *there', '21 found an alias; accepted is the value itself, written out'],
  [
    'an anchor',
    'path: documents',
    'path: &here documents',
    '21 found an anchor; accepted is the value itself, written out',
  ],
  ['a tag', 'path: documents', 'path: !!str documents', '21 found a tag; accepted is the value itself, written out'],
  [
    'a merge key',
    'board:\n',
    'board:\n  <<: {driver: simulated}\n',
    '5 board["<<"]: found an unknown key; accepted is one of driver, directory, uplink',
  ],
  ['a second document', 'intake:\n', '---\nintake:\n', '26 found a second document; accepted is one YAML 1.2 document'],
];

describe('readConfig', () => {
  it('reads a configuration, fills in defaults and makes paths absolute', () => {
    const reading = readConfig(Buffer.from(SOUND), '/etc/portcullis');
    if (!reading.ok) throw new Error(formatFaults('', reading.faults));
    const { appliance, gate, board, vault, sources, intake, web, windows } = reading.config;
    expect(appliance).toEqual({
      name: 'portcullis',
      state: '/etc/portcullis/state',
      runtime: '/etc/portcullis/run',
      clock: 'synchronised',
    });
    expect(gate.lease).toBe('1s');
    expect(board).toMatchObject({ driver: 'simulated', directory: '/etc/portcullis/board' });
    expect(vault.store).toEqual({ kind: 'directory', path: '/etc/portcullis/vault' });
    expect(windows[0]?.timezone).toBe('UTC');
    expect(sources[0]).toMatchObject({ url: '/etc/portcullis/origin.git' });
    expect(sources[1]).toMatchObject({ path: '/etc/portcullis/documents' });
    expect(sources[2]).toMatchObject({ command: ['/etc/portcullis/dump', '--all'], file: 'stdout', timeout: '1h' });
    expect(intake.sources[0]?.auth).toHaveProperty('secrets', [{ file: '/etc/portcullis/token' }]);
    expect([intake.port, web.port]).toEqual([8642, 8640]);
  });

  const mtls = (settings: string, tls = '') =>
    broken('scheme: bearer\n        secrets:\n          - file: token', `scheme: mtls\n${settings}`).replace(
      'intake:\n',
      `intake:\n${tls}`,
    );
  const TLS = '  tls: {certificate: c, key: k, clientCa: a}\n';

  it('takes a client certificate by what tells it, where it is known who issues them', () => {
    const print = Array(32).fill('aB').join(':');
    const settings = `        names: [siem, "spiffe://example.org/a", a@example.org, "Acme SIEM"]\n        fingerprints: ["${print}"]`;
    const reading = readConfig(Buffer.from(mtls(settings, TLS)), '/etc/portcullis');
    expect(reading.ok && reading.config.intake.sources[0]?.auth).toMatchObject({
      scheme: 'mtls',
      fingerprints: [print],
    });
    expect(reading.ok && reading.config.intake.tls).toEqual({
      certificate: '/etc/portcullis/c',
      key: '/etc/portcullis/k',
      clientCa: '/etc/portcullis/a',
    });
    expect(faultsOf(mtls('        names: [siem]', '  tls: {certificate: c, key: k}\n'))).toEqual([
      '32 intake.sources[0].auth.scheme: found "mtls" without `intake.tls.clientCa`; accepted is another scheme, unless intake speaks TLS and knows who issues the certificates of senders',
    ]);
    expect(faultsOf(mtls('        names: [siem]'))).toHaveLength(1);
    expect(faultsOf(mtls('', TLS))).toEqual([
      '31 intake.sources[0].auth: found neither `names` nor `fingerprints`; accepted is at least one of them: who issues certificates issues more than one',
    ]);
    for (const name of ['a, DNS:b', 'a"b', ' a', 'a ', '', 'ä', "a'b"])
      expect(faultsOf(mtls(`        names: [${JSON.stringify(name)}]`, TLS))).toHaveLength(1);
    for (const other of ['ab', 'g'.repeat(64), `${print}:00`, `${'ab:'.repeat(31)}a`])
      expect(faultsOf(mtls(`        fingerprints: ["${other}"]`, TLS))).toHaveLength(1);
    expect(faultsOf(mtls('        secrets: [{file: token}]\n        names: [siem]', TLS))).toHaveLength(1);
  });

  it.each([
    'https://example.org/a.git',
    'ssh://git@example.org:22/a.git',
    'git@example.org:a/b.git',
    'file:///srv/a.git',
    '/srv/a b.git',
  ])('leaves the address %s as it is', (url) => {
    const reading = readConfig(Buffer.from(broken('./origin.git', url)), '/etc/portcullis');
    expect(reading.ok && reading.config.sources[0]).toMatchObject({ url });
  });

  it('leaves a program that PATH finds as it is', () => {
    const reading = readConfig(Buffer.from(broken('[./dump, --all]', '[sqlite3, ./x.db]')), '/etc/portcullis');
    expect(reading.ok && reading.config.sources[2]).toMatchObject({ command: ['sqlite3', './x.db'] });
  });

  it('lets the servers share a port on two addresses, or both take any', () => {
    expect(faultsOf(broken('intake:\n', 'web: {port: 8642, host: 192.0.2.1}\nintake:\n'))).toEqual([]);
    expect(faultsOf(broken('intake:\n', 'web: {port: 0}\nintake:\n  port: 0\n'))).toEqual([]);
  });

  it('takes a directory beside the vault whose name begins like it', () => {
    expect(faultsOf(broken('path: documents', 'path: vault-documents'))).toEqual([]);
    expect(faultsOf(broken('path: documents', 'path: ..vault'))).toEqual([]);
  });

  it.each(CASES)('tells %s', (_title, from, to, ...faults) => {
    expect(faultsOf(broken(from, to))).toEqual(faults);
  });

  it('never repeats what may be a secret', () => {
    for (const [, from, to] of CASES) expect(faultsOf(broken(from, to)).join()).not.toContain('hunter2');
  });

  it('reports the faults of all cases that fit together in one run, in the order of the file', () => {
    let text = SOUND;
    const expected: string[] = [];
    for (const title of [
      'a slip in a key',
      'a kind with a slip',
      'a duration too long',
      'two sources of one name',
      'a secret in plain sight',
      'an unknown operator',
    ]) {
      const [, from, to, ...faults] = CASES.find(([name]) => name === title) ?? [];
      if (from === undefined || to === undefined) throw new Error(`no case ${title}`);
      text = text.replace(from, to);
      expected.push(...(faults as string[]));
    }
    const line = (fault: string) => Number.parseInt(fault, 10);
    expect(faultsOf(text)).toEqual(expected.sort((a, b) => line(a) - line(b)));
  });

  it.each<[string, string | Buffer, string]>([
    ['nothing', '', '1 found an empty value; accepted is a mapping'],
    ['a comment', '# later\n', '1 found an empty value; accepted is a mapping'],
    ['a list', '- a\n', '1 found a list of 1; accepted is a mapping'],
    ['text', 'hello', '1 found "hello"; accepted is a mapping'],
    [
      'a tab',
      'board:\n\tdriver: simulated\n',
      '2 found Tabs are not allowed as indentation; accepted is one YAML 1.2 document',
    ],
    [
      'bytes that are not UTF-8',
      Buffer.from('a: 1\nb: \xff\n', 'latin1'),
      '2 found bytes that are not UTF-8; accepted is text in UTF-8',
    ],
    [
      'two megabytes',
      `# ${'x'.repeat(2 << 20)}`,
      '1 found a file of more than 1048576 bytes; accepted is a smaller one',
    ],
    [
      'a million brackets',
      '\n'.repeat(3) + '['.repeat(1_000_000),
      '4 found values nested too deeply; accepted is at most 40 levels',
    ],
    ['brackets on a line each', '[\n'.repeat(100), '41 found values nested too deeply; accepted is at most 40 levels'],
    ['a million dashes', '- '.repeat(500_000), '1 found values nested too deeply; accepted is at most 40 levels'],
    [
      'a staircase',
      Array.from({ length: 100 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join(''),
      '41 found values nested too deeply; accepted is at most 40 levels',
    ],
  ])('says what is wrong with %s', (_title, text, fault) => {
    expect(faultsOf(text)).toEqual([fault]);
  });

  it('is not impressed by a billion laughs', () => {
    const laughs = [
      'a: &a [ha, ha, ha]',
      ...'bcdefghij'.split('').map((letter, index) => {
        const before = 'abcdefghij'[index];
        return `${letter}: &${letter} [${Array.from({ length: 10 }, () => `*${before}`).join(', ')}]`;
      }),
    ];
    const faults = faultsOf(laughs.join('\n'));
    expect(faults.length).toBeGreaterThan(90);
    expect(faults.every((fault) => /found an (alias|anchor);/.test(fault))).toBe(true);
  });

  it('takes windows line ends and a byte order mark', () => {
    expect(faultsOf(`\uFEFF${SOUND.replaceAll('\n', '\r\n')}`)).toEqual([]);
  });

  it('finds a fault whatever single line is lost, or nothing wrong with what is left', () => {
    const lines = SOUND.trimEnd().split('\n');
    let faulty = 0;
    for (let lost = 0; lost < lines.length; lost++) {
      const rest = lines.filter((_, index) => index !== lost);
      const reading = readConfig(Buffer.from(rest.join('\n')), '/etc/portcullis');
      if (reading.ok) continue;
      faulty++;
      for (const { line, found, accepted } of reading.faults) {
        expect(line).toBeGreaterThanOrEqual(1);
        expect(line).toBeLessThanOrEqual(rest.length);
        expect(found && accepted).not.toBe('');
      }
    }
    expect(faulty).toBeGreaterThan(25);
  });
});

/** SOUND with a board of hardware: the lines of `parts`, each below `board:`. */
const hardware = (...parts: string[]) =>
  broken(
    '  driver: simulated\n  directory: board\n',
    ['driver: hardware', 'relay: { driver: gpiochip, chip: pinctrl-bcm2711, line: 17 }', ...parts]
      .map((part) => `  ${part}\n`)
      .join(''),
  );
const gpio = (line: number, chip = 'pinctrl-bcm2711', driver = 'gpiochip') =>
  `{ driver: ${driver}, chip: ${chip}, line: ${line} }`;
const UPLINK = `uplink: { relay: ${gpio(13)}, contact: ${gpio(19)}, interface: eth1 }`;

describe('the parts of a board', () => {
  const every = hardware(
    `relay2: ${gpio(27)}`,
    `contacts: [${gpio(22)}, ${gpio(5)}]`,
    `button: ${gpio(25)}`,
    `supply: ${gpio(16)}`,
    `buzzer: ${gpio(26)}`,
    `heartbeat: ${gpio(18)}`,
    `led: { red: ${gpio(23)}, green: ${gpio(24)}, blue: ${gpio(12)} }`,
    UPLINK,
  );

  it('all of them are accepted, and what is compiled is what the gate reads', () => {
    const reading = readConfig(Buffer.from(every), '/etc/portcullis');
    if (!reading.ok) throw new Error(formatFaults('', reading.faults));
    const compiled = JSON.parse(JSON.stringify(compileGate(reading.config, 'a')));
    const { board } = gateConfig(compiled);
    expect(board).toEqual(compiled.board);
    expect(board).toMatchObject({
      buzzer: { line: 26 },
      supply: { line: 16 },
      uplink: { relay: { line: 13 }, contact: { line: 19, active: 'low' }, interface: 'eth1' },
    });
    const simulated = readConfig(Buffer.from(broken('directory: board', 'directory: board\n  uplink: true')), '/x');
    expect(simulated.ok && boardConfig(compileGate(simulated.config, 'a').board, 'board')).toMatchObject({
      uplink: true,
    });
    const plain = readConfig(Buffer.from(SOUND), '/x');
    expect(plain.ok && plain.config.board).toMatchObject({ uplink: false });
  });

  it('a line that any two parts share is a fault, on the same chip alone, whatever drives it', () => {
    const lines = [17, 27, 22, 5, 25, 16, 26, 18, 23, 24, 12, 13, 19];
    for (const line of lines.slice(1)) {
      const faults = faultsOf(every.replace(`line: ${line} }`, 'line: 17 }'));
      expect(faults, String(line)).toHaveLength(1);
      expect(faults[0]).toMatch(
        /board\.[a-z0-9[\].]+\.line: found line 17 of pinctrl-bcm2711, which is that of board.relay already; accepted is a line that no other part has$/,
      );
    }
    expect(faultsOf(every)).toEqual([]);
    expect(faultsOf(hardware(`relay2: ${gpio(17, 'pinctrl-rp1')}`))).toEqual([]);
    expect(faultsOf(hardware(`heartbeat: ${gpio(17, 'pinctrl-bcm2711', 'onoff')}`))).toHaveLength(1);
    expect(faultsOf(hardware(`relay2: ${gpio(18)}`, `heartbeat: ${gpio(18)}`, `led: ${gpio(18)}`))).toEqual([
      '8 board.heartbeat.line: found line 18 of pinctrl-bcm2711, which is that of board.relay2 already; accepted is a line that no other part has',
      '9 board.led.line: found line 18 of pinctrl-bcm2711, which is that of board.relay2 already; accepted is a line that no other part has',
    ]);
  });

  it('a serial port that two relays share is a fault: it is opened only once', () => {
    const serial = (channel: number, port = '/dev/ttyUSB0') =>
      `{ driver: serial, model: lcus, port: ${port}, channel: ${channel} }`;
    const text = (other: string) =>
      broken('  driver: simulated\n  directory: board\n', `  driver: hardware\n  relay: ${serial(1)}\n  ${other}\n`);
    for (const channel of [1, 2])
      expect(faultsOf(text(`relay2: ${serial(channel)}`))).toEqual([
        '7 board.relay2.port: found port /dev/ttyUSB0, which is that of board.relay already; accepted is a serial port that no other relay has',
      ]);
    expect(faultsOf(text(`relay2: ${serial(1, '/dev/ttyUSB1')}`))).toEqual([]);
    const relative = readConfig(Buffer.from(text(`relay2: ${serial(1, 'tty')}`)), '/etc/portcullis');
    expect(relative.ok && relative.config.board).toMatchObject({ relay2: { port: '/etc/portcullis/tty' } });
  });

  it('a relay on a line that a Raspberry Pi pulls up is a fault; another part, or another chip, is not', () => {
    for (const chip of ['pinctrl-bcm2835', 'pinctrl-bcm2711', 'pinctrl-rp1'])
      expect(faultsOf(hardware(`relay2: ${gpio(8, chip)}`))).toEqual([
        '7 board.relay2.line: found 8, which a Raspberry Pi pulls up from reset on: the relay would be energised before anything runs; accepted is a line from 9 on, which it pulls down',
      ]);
    const uplink = UPLINK.replace('line: 13', 'line: 4');
    expect(faultsOf(hardware(uplink))).toHaveLength(1);
    expect(faultsOf(hardware(uplink))[0]).toContain('board.uplink.relay.line: found 4');
    expect(faultsOf(hardware(`relay2: ${gpio(9)}`, `button: ${gpio(4)}`))).toEqual([]);
    expect(faultsOf(hardware(`relay2: ${gpio(3, 'gpio-mockup-A')}`))).toEqual([]);
  });

  it('no relay is active low, and no uplink goes without its contact', () => {
    const low = '{ driver: gpiochip, chip: pinctrl-bcm2711, line: 27, active: low }';
    expect(faultsOf(hardware(`relay2: ${low}`))[0]).toContain('board.relay2.active: found an unknown key');
    expect(faultsOf(hardware(`uplink: { relay: ${gpio(13)}, interface: eth1 }`))[0]).toContain(
      'board.uplink.contact: found nothing',
    );
    const shared = hardware(UPLINK, 'carrier: eth1');
    expect(faultsOf(shared)).toEqual([
      expect.stringContaining(`board.carrier: found "eth1", which is the uplink's interface`),
    ]);
    expect(faultsOf(hardware(UPLINK, 'carrier: eth2'))).toEqual([]);
    expect(faultsOf(hardware(UPLINK.replace('eth1', '../eth1')))).toEqual([
      '7 board.uplink.interface: found "../eth1"; accepted is the name of a network interface such as eth1',
    ]);
  });

  it('with an uplink intake listens on no address that is every interface', () => {
    const fault = (host: string) =>
      `28 intake.host: found "${host}", which is every interface, that of the uplink too; accepted is an address of an interface that does not sit behind the uplink`;
    const listening = (text: string, host: string) => text.replace('intake:\n', `intake:\n  host: "${host}"\n`);
    for (const host of ['0.0.0.0', '::', '::0', '0:0:0:0:0:0:0:0', '::ffff:0.0.0.0'])
      expect(faultsOf(listening(hardware(UPLINK), host))).toEqual([fault(host)]);
    expect(faultsOf(listening(hardware(UPLINK), '192.0.2.1'))).toEqual([]);
    expect(faultsOf(listening(hardware(), '0.0.0.0'))).toEqual([]);
    const simulated = broken('directory: board', 'directory: board\n  uplink: true');
    expect(faultsOf(listening(simulated, '0.0.0.0'))).toEqual([fault('0.0.0.0')]);
  });
});

const ALONE: NetworkFacts = { addresses: {}, defaultRoutes: [], timeServers: [], unknown: [] };

describe('what sits behind the uplink', () => {
  const text = hardware(UPLINK).replace('- file: token', '- env: TOKEN');
  const facts = (network: Partial<NetworkFacts>): Surroundings => ({
    wall: Date.UTC(2026, 10, 21),
    environment: { TOKEN: 'x'.repeat(24) },
    network: { ...ALONE, ...network },
    secretFault: () => undefined,
    alertRuleFault: () => undefined,
  });
  const listening = (host: string) => text.replace('intake:\n', `intake:\n  host: "${host}"\n`);

  it('intake on an address of its interface is a fault, however it is written', () => {
    const addresses = { eth0: ['192.0.2.1'], eth1: ['198.51.100.7', 'fe80::1%eth1', '2001:db8::7'] };
    for (const host of ['198.51.100.7', 'fe80::1', '2001:db8:0::0007', '::ffff:198.51.100.7'])
      expect(faultsOf(listening(host), facts({ addresses }))).toEqual([
        `28 intake.host: found "${host}", an address of the uplink's interface eth1; accepted is an address of another interface: alerts must arrive while the uplink is isolated`,
      ]);
    for (const host of ['192.0.2.1', '127.0.0.1', 'localhost', '2001:db8::8'])
      expect(faultsOf(listening(host), facts({ addresses }))).toEqual([]);
    // Without looking around, nothing of this machine is known.
    expect(faultsOf(listening('198.51.100.7'))).toEqual([]);
  });

  it('a clock that is synchronised through it is a fault: by its servers where they are known, else by the default route', () => {
    const fault = (way: string) =>
      `2 appliance.clock: found "synchronised", and ${way} through the uplink's interface eth1; accepted is a way to the time that does not depend on the uplink, such as a time server on another interface`;
    const clock = text.replace('appliance:\n', 'appliance:\n  clock: synchronised\n');
    const server = (name: string) => ({ server: '192.0.2.123', interface: name });
    expect(faultsOf(clock, facts({ defaultRoutes: ['eth1'] }))).toEqual([fault('the default route goes')]);
    expect(faultsOf(clock, facts({ defaultRoutes: ['eth0', 'eth1'] }))).toHaveLength(1);
    expect(faultsOf(clock, facts({ defaultRoutes: ['eth0'] }))).toEqual([]);
    expect(faultsOf(clock, facts({ defaultRoutes: ['eth1'], timeServers: [server('eth0')] }))).toEqual([]);
    expect(faultsOf(clock, facts({ defaultRoutes: ['eth0'], timeServers: [server('eth0'), server('eth1')] }))).toEqual([
      fault('time server 192.0.2.123 is reached'),
    ]);
    const system = clock.replace('synchronised', 'system');
    expect(faultsOf(system, facts({ defaultRoutes: ['eth1'] }))).toEqual([]);
    // The default of the key counts as much as the key.
    expect(faultsOf(text, facts({ defaultRoutes: ['eth1'] }))).toHaveLength(1);
  });
});

describe('readConfig, looking around', () => {
  const around = (environment: Record<string, string>, network = ALONE): Surroundings => ({
    wall: Date.UTC(2026, 10, 21),
    environment,
    network,
    secretFault: (scheme, secret) => (secret.length < 24 ? `is short for ${scheme}` : undefined),
    alertRuleFault: () => undefined,
  });
  const strong = around({ TOKEN: 'x'.repeat(24) });
  const sound = broken('- file: token', '- env: TOKEN');

  it('finds nothing wrong where nothing is', () => {
    expect(faultsOf(sound, strong)).toEqual([]);
  });

  it('tells a window whose beginning the clocks skip', () => {
    const text = sound.replace('30 3 * * *', '30 2 * * *').replace('30m', '30m\n    timezone: Europe/Berlin');
    expect(faultsOf(text)).toEqual([]);
    expect(faultsOf(text, strong)).toEqual([
      '9 windows[0].cron: found a window that would begin at 2027-03-28 02:30, a time the clocks of Europe/Berlin skip; accepted is a time that exists on every day, or a time zone without summer time such as UTC',
    ]);
  });

  it('tells missing and weak secrets, and quotes neither', () => {
    const text = broken('          - file: token\n', '          - env: ABSENT\n          - env: TOKEN\n');
    expect(faultsOf(text, around({ TOKEN: 'hunter2' }))).toEqual([
      '33 intake.sources[0].auth.secrets[0]: found environment variable ABSENT, which is not set; accepted is a secret this user may read',
      '34 intake.sources[0].auth.secrets[1]: found a secret that is short for bearer; accepted is one generated from 32 random bytes',
    ]);
  });

  it('tells rules for all sources that are neither shipped nor whole, named twice, or no regular expression', () => {
    const text = sound.replace(
      'intake:\n',
      `intake:
  rules:
    - {id: aws.cfn, act: rate}
    - {id: no.such, act: "off"}
    - {id: ours, reason: Ours}
    - {id: ours, reason: Ours, when: {path: [a], op: exists}}
`,
    );
    expect(faultsOf(text, { ...strong, alertRuleFault })).toEqual([
      '29 intake.rules[1]: found a rule no.such that is off, and that no shipped rule is called; accepted is the name of a shipped rule, or a rule of your own with reason and when',
      '30 intake.rules[2]: found a rule ours that is not shipped and does not say when; accepted is the name of a shipped rule, or a rule of your own with reason and when',
      '31 intake.rules[3].id: found "ours", which is intake.rules[2].id already; accepted is a name that no other in the list has',
    ]);
    const pattern = sound.replace('op: eq\n                value: MassDelete', "op: re2\n                value: '(a'");
    expect(faultsOf(pattern)).toEqual([
      '41 intake.sources[0].rules[0].when.all[0].value: found "(a"; accepted is a regular expression of RE2 (error parsing regexp: missing closing ): `(a`)',
    ]);
    const agents = sound.replace('intake:\n', 'intake:\n  agents: ["*"]\n');
    expect(faultsOf(agents)).toEqual([
      expect.stringContaining('27 intake.agents[0]: found "*"; accepted is a regular'),
    ]);
  });

  it('asks for a certificate where no secret is meant', () => {
    const text = sound.replace('bearer', 'aws-sns\n        topics: ["arn:aws:sns:eu-central-1:123456789012:alerts"]');
    expect(faultsOf(text, around({ TOKEN: 'hunter2' }))).toEqual([
      '34 intake.sources[0].auth.secrets[0]: found what is short for aws-sns; accepted is a certificate that Amazon SNS signs with',
    ]);
  });

  it('looks at the files TLS is to be spoken with', () => {
    const { server, next, authority } = JSON.parse(
      readFileSync(new URL('../alerts/samples/tls-test-keys.json', import.meta.url), 'utf8'),
    );
    const folder = mkdtempSync(join(tmpdir(), 'pc-tls-'));
    const put = (name: string, text: string) => writeFileSync(join(folder, name), text);
    const tls = `intake:\n  tls:\n    certificate: ${folder}/c.pem\n    key: ${folder}/c.key\n    clientCa: ${folder}/ca.pem\n`;
    const text = sound.replace('intake:\n', tls);
    put('c.pem', server.certificate);
    put('c.key', server.key);
    put('ca.pem', authority.certificate);
    expect(faultsOf(text)).toEqual([]);
    expect(faultsOf(text, strong)).toEqual([]);
    put('c.key', next.key);
    put('ca.pem', 'x');
    expect(faultsOf(text, strong)).toEqual([
      '30 intake.tls.clientCa: found text that is not one or more whole certificates in PEM; accepted is certificates in PEM of who issues those of senders, that this user may read',
    ]);
    put('ca.pem', authority.certificate);
    expect(faultsOf(text, strong)).toEqual([
      "29 intake.tls.key: found a key that does not fit the certificate; accepted is the certificate's private key in PEM, without a passphrase, that this user may read",
    ]);
    rmSync(folder, { recursive: true });
    expect(faultsOf(text, strong)).toHaveLength(3);
    // Nothing outside the file is looked at unless somebody asks.
    expect(faultsOf(text)).toEqual([]);
  });

  it("looks for a secret's file beside the configuration", () => {
    expect(faultsOf(SOUND, strong)).toEqual([
      '33 intake.sources[0].auth.secrets[0]: found file /etc/portcullis/token, which does not exist; accepted is a secret this user may read',
    ]);
  });
});
