import { randomUUID } from 'node:crypto';
import { PortcullisError, reasonOf } from '../base/errors.ts';
import { targetsOf } from '../keeper/notify-setup.ts';
import { deliver } from '../notify/target.ts';
import type { Command } from './command.ts';
import { table } from './words.ts';

export const notifyCommand: Command = {
  name: 'notify',
  about: 'List who is told what, or send each of them, or one, a notice to try it.',
  positionals: ['[test]', '[TARGET]'],
  options: {},
  examples: ['portcullis notify', 'portcullis notify test', 'portcullis notify test on-call'],
  async run(args, context) {
    const [verb, name] = args.positionals;
    const config = await context.loadConfig(args.configPath);
    const { targets } = config.notify;
    if (verb === undefined) {
      const rows = targets.map((target) => ({ name: target.name, kind: target.kind, least: target.least }));
      if (args.json) context.out(`${JSON.stringify(rows)}\n`);
      else if (rows.length === 0) context.out('Nobody is told anything: there is no `notify.targets`.\n');
      else
        context.out(
          table(
            ['name', 'kind', 'told from'],
            rows.map((row) => [row.name, row.kind, row.least]),
          ),
        );
      return 0;
    }
    if (verb !== 'test') throw new PortcullisError('usage.wrong', `notify takes "test", not "${verb}".`);
    const chosen = targetsOf(config, context.env).filter((target) => name === undefined || target.name === name);
    if (chosen.length === 0) {
      const names = targets.map((target) => target.name).join(', ');
      throw new PortcullisError(
        'usage.wrong',
        names === '' ? 'There is no `notify.targets`.' : `There is no receiver ${name}: there are ${names}.`,
      );
    }
    const results: { name: string; delivered: boolean; why?: string }[] = [];
    for (const target of chosen) {
      const wall = context.clock.wall();
      const notice = {
        id: randomUUID(),
        key: 'test',
        severity: 'info',
        over: false,
        title: 'A test: notices arrive',
        text: 'Somebody tried `portcullis notify test`. Nothing has happened.',
        wall,
      } as const;
      try {
        await deliver(target, config.appliance.name, notice, context.clock, context.interrupted);
        results.push({ name: target.name, delivered: true });
      } catch (error) {
        results.push({ name: target.name, delivered: false, why: reasonOf(error) });
      }
    }
    if (args.json) context.out(`${JSON.stringify(results)}\n`);
    else
      for (const { name: to, delivered, why } of results)
        context.out(delivered ? `${to}: delivered\n` : `${to}: NOT DELIVERED, ${why}\n`);
    const failed = results.filter(({ delivered }) => !delivered);
    if (failed.length > 0)
      throw new PortcullisError(
        'notify.undelivered',
        `${failed.length} of ${results.length} receivers did not take the notice.`,
      );
    return 0;
  },
};
