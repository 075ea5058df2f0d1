import { durationMs } from '../base/duration.ts';
import type { Config, TargetConfig } from '../config/schema.ts';
import { type Environment, loadSecret } from '../config/secret.ts';
import type { TargetSettings } from '../notify/target.ts';
import { parseWindow, windowAt } from '../schedule/window.ts';

/** The configured receivers with their secrets. Throws `config.secret` where one cannot be read. */
export function targetsOf({ notify }: Config, environment: Environment): TargetSettings[] {
  return notify.targets.map((target) => targetOf(target, environment));
}

function targetOf(target: TargetConfig, environment: Environment): TargetSettings {
  if (target.kind === 'email') {
    const { password, ...rest } = target;
    return { ...rest, ...(password === undefined ? {} : { password: loadSecret(password, environment) }) };
  }
  const { url, ...rest } = target;
  const secret = 'secret' in target && target.secret !== undefined ? loadSecret(target.secret, environment) : undefined;
  return { name: rest.name, kind: rest.kind, least: rest.least, url: loadSecret(url, environment), secret };
}

/** Whether only alarms are told at a time. */
export function quietHours({ notify: { quiet } }: Config): (wall: number) => boolean {
  if (quiet === undefined) return () => false;
  const { cron, duration, timezone } = quiet;
  const parsed = parseWindow({ name: 'quiet', cron, durationMs: durationMs(duration) ?? 0, timezone });
  return parsed.ok ? (wall) => windowAt(parsed.window, wall) !== undefined : () => false;
}

/** Who notices when nothing comes any more. */
export function deadmanOf({ notify: { deadman } }: Config, environment: Environment) {
  if (deadman === undefined) return undefined;
  return { url: loadSecret(deadman.url, environment), everyMs: durationMs(deadman.every) ?? 300_000 };
}
