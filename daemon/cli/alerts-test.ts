import { readFile } from 'node:fs/promises';
import { type Explanation, explain } from '../alerts/explain.ts';
import { type BroughtBody, Judge } from '../alerts/judge.ts';
import { PACK_VERSION } from '../alerts/pack.ts';
import { rulesOfAll } from '../alerts/rule-set.ts';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import { soleHeader } from '../intake/headers.ts';
import type { Arguments, Context } from './command.ts';
import { printable } from './words.ts';

/** `alerts test SOURCE FILE`: how intake would judge FILE if SOURCE sent it now, and why. Exit 0 when it would trip, 1 when not. */
export async function testAlert(args: Arguments, context: Context): Promise<number> {
  const [, name, path] = args.positionals;
  if (name === undefined || path === undefined)
    throw new PortcullisError(
      'usage.wrong',
      'alerts test takes the name of a source and a file with what it sends (- for standard input).',
    );
  const { intake } = await context.loadConfig(args.configPath);
  const source = intake.sources.find((one) => one.name === name);
  if (source === undefined) {
    const names = intake.sources.map((one) => one.name).join(', ') || 'none';
    throw new PortcullisError('usage.wrong', `There is no alert source ${name}; the configuration has: ${names}.`);
  }
  const bytes = await readFile(path === '-' ? '/dev/stdin' : path).catch((error: unknown) => {
    throw new PortcullisError('usage.wrong', `${path} cannot be read: ${reasonOf(error)}.`);
  });
  const headers = args.texts('header').flatMap((header) => {
    const colon = header.indexOf(':');
    if (colon < 1)
      throw new PortcullisError('usage.wrong', `--header takes NAME: VALUE, not ${JSON.stringify(header)}.`);
    return [header.slice(0, colon).trim(), header.slice(colon + 1).trim()];
  });
  const body: BroughtBody = bytes.length > intake.maxBody ? { kind: 'oversize' } : { kind: 'whole', bytes };
  const explanation = explain(new Judge(intake, intake.sources), source, {
    body,
    header: (wanted) => soleHeader(headers, wanted),
    now: context.clock.monotonic(),
    repeated: () => false,
  });
  const { judgement } = explanation;
  if (args.json) context.out(`${JSON.stringify({ source: name, packVersion: PACK_VERSION, ...explanation })}\n`);
  else for (const line of told(explanation, args.flag('all'))) context.out(`${printable(line)}\n`);
  return judgement.trip ? 0 : 1;
}

/** `alerts rules [ID]`: the rules for all sources as they are in force. */
export async function listRules(args: Arguments, context: Context): Promise<number> {
  const { intake } = await context.loadConfig(args.configPath);
  const wanted = args.positionals[1];
  const all = rulesOfAll(intake.rules);
  const rules = wanted === undefined ? all : all.filter(({ rule }) => rule.id === wanted);
  if (wanted !== undefined && rules.length === 0)
    throw new PortcullisError(
      'usage.wrong',
      `There is no rule ${wanted}, or it is off. \`portcullis alerts rules\` lists them.`,
    );
  if (args.json) {
    context.out(
      `${JSON.stringify({ packVersion: PACK_VERSION, rules: rules.map(({ rule, origin }) => ({ origin, ...rule })) })}\n`,
    );
    return 0;
  }
  for (const { rule, origin } of rules) {
    context.out(
      `${rule.id.padEnd(28)} ${rule.act.padEnd(8)} ${rule.on.padEnd(11)} ${origin.padEnd(8)} ${rule.reason}\n`,
    );
    if (wanted !== undefined) context.out(`${JSON.stringify(rule, null, 2)}\n`);
  }
  return 0;
}

/** The explanation in lines. Unless `all`, of the rules only those that match. */
function told({ judgement, unknown, alerts }: Explanation, all: boolean): readonly string[] {
  const rule = judgement.trip && judgement.rule !== undefined ? ` (rule ${judgement.rule})` : '';
  return [
    judgement.trip ? `TRIPS${rule}: ${judgement.reason}` : `Does not trip: ${judgement.why}`,
    ...(unknown === undefined ? [] : [`Not understood: ${unknown}`]),
    ...(alerts.length === 0 ? ['It holds no alert that says that something is wrong now.'] : []),
    ...alerts.flatMap(({ deeds, rules }, index) => {
      const asked = all ? rules : rules.filter(({ matches }) => matches);
      return [
        '',
        `Alert ${index + 1} of ${alerts.length}. Recognised in it:`,
        ...deeds.map(({ on, by, refused }) => {
          const who = by === undefined ? '' : ` by ${by}`;
          return `  ${on}${who}${refused === true ? ', refused by the platform' : ''}`;
        }),
        asked.length === 0 ? `None of the ${rules.length} rules that were asked matches; --all says why.` : 'Rules:',
        ...asked.flatMap(({ id, act, matches, because }) => [
          `  ${id} ${matches ? `MATCHES (${act})` : 'does not match'}`,
          ...because.map((why) => `      ${why}`),
        ]),
      ];
    }),
  ];
}
