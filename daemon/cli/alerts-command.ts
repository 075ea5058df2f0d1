import { existsSync } from 'node:fs';
import { isoTime } from '../base/clock.ts';
import { PortcullisError } from '../base/errors.ts';
import { statePaths } from '../config/state.ts';
import { ALERT_ENTRIES } from '../keeper/ports.ts';
import { readNewest } from '../ledger/newest.ts';
import type { LedgerEntry } from '../ledger/ports.ts';
import { listRules, testAlert } from './alerts-test.ts';
import type { Arguments, Command, Context } from './command.ts';
import { printable, table } from './words.ts';

/** As many as one page of the ledger. */
const MOST = 500;

export const alertsCommand: Command = {
  name: 'alerts',
  about: 'Show what alert sources sent and what came of it, try what one would send, or list the rules.',
  positionals: ['[list|test|rules]', '[SOURCE|RULE]', '[FILE]'],
  options: {
    header: {
      type: 'string',
      value: 'NAME: VALUE',
      multiple: true,
      about: 'test: a header that comes with it, such as X-GitHub-Event: push.',
    },
    all: { type: 'boolean', about: 'test: also the rules that do not match, and why.' },
    source: { type: 'string', value: 'NAME', about: 'list: only what this source sent.' },
    limit: { type: 'string', short: 'n', value: 'N', about: `list: how many, at most ${MOST}. Default: 20.` },
  },
  examples: [
    'portcullis alerts list',
    'portcullis alerts list --source alertmanager --limit 100',
    "portcullis alerts test github push.json --header 'X-GitHub-Event: push'",
    'portcullis alerts test alertmanager alert.json --all',
    'portcullis alerts rules aws.rds.delete',
    'portcullis alerts list --json | jq -r \'.alerts[] | select(.outcome == "tripped") | .payload\'',
  ],
  async run(args, context) {
    const [verb = 'list'] = args.positionals;
    const run = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
    if (run === undefined) {
      const known = Object.keys(VERBS).join(', ');
      throw new PortcullisError('usage.wrong', `alerts does not know "${verb}": it takes ${known}.`);
    }
    return await run(args, context);
  },
};

const VERBS: Readonly<Record<string, (args: Arguments, context: Context) => Promise<number>>> = {
  list,
  test: testAlert,
  rules: listRules,
};

async function list(args: Arguments, context: Context): Promise<number> {
  const limit = Number(args.text('limit') ?? '20');
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST)
    throw new PortcullisError('usage.wrong', `--limit takes a whole number from 1 to ${MOST}.`);
  const config = await context.loadConfig(args.configPath);
  const source = args.text('source');
  const names = config.intake.sources.map(({ name }) => name);
  const path = statePaths(config).ledger;
  const query = { limit, type: ALERT_ENTRIES, ...(source === undefined ? {} : { source }) };
  const alerts = (existsSync(path) ? readNewest(path, query) : []).map(alertOf);
  // What a source that is gone sent is still there to be read; a name that never was is a slip.
  if (source !== undefined && alerts.length === 0 && !names.includes(source))
    throw new PortcullisError('usage.wrong', `There is no alert source ${source}: there are ${names.join(', ')}.`);
  if (args.json) context.out(`${JSON.stringify({ alerts })}\n`);
  else if (alerts.length === 0) context.out('Nothing has arrived yet.\n');
  else context.out(table(['time', 'source', 'outcome', 'rule', 'latency', 'digest', 'detail'], alerts.map(row)));
  return 0;
}

interface Alert {
  readonly seq: number;
  readonly time: string;
  readonly outcome: string;
  readonly [key: string]: unknown;
}

/** As the ledger has it, with the time at which intake took note of it. */
function alertOf({ seq, wall, type, data: { receivedWall, ...data } }: LedgerEntry): Alert {
  const time = isoTime(typeof receivedWall === 'number' ? receivedWall : wall);
  if (type !== 'alert.unrecorded') return { seq, time, ...data, outcome: type.slice('alert.'.length) };
  const { count, outcome, ...rest } = data;
  return { seq, time, ...rest, outcome: 'unrecorded', count, detail: `${count} more ${outcome} were not recorded.` };
}

function row({ time, source, outcome, rule, latencyMs, digest, replay, detail }: Alert): string[] {
  return [
    time,
    text(source),
    `${outcome}${replay === true ? ', repeated' : ''}`,
    text(rule) || '-',
    typeof latencyMs === 'number' ? `${latencyMs} ms` : '-',
    text(digest).slice(0, 12) || '-',
    text(detail),
  ];
}

function text(value: unknown): string {
  return typeof value === 'string' ? printable(value) : '';
}
