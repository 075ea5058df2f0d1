import { isoTime } from '../base/clock.ts';
import type { Condition, Conditions } from '../notify/notice.ts';
import type { KeeperStatus } from './ports.ts';

/** A gate that has said nothing for so long does not answer. */
const SILENT_MS = 10_000;

export function isGateAlive({ gate, wall }: KeeperStatus): boolean {
  return gate !== undefined && wall - gate.receivedWall <= SILENT_MS;
}

/** What of the keeper's status a person has to be told. */
export function conditionsOf(status: KeeperStatus): Conditions {
  const conditions: Record<string, Condition> = {};
  const { gate } = status;
  if (!isGateAlive(status))
    conditions['gate.silent'] = {
      severity: 'alarm',
      title: 'The gate does not answer',
      text: 'Nobody can tell whether the vault is isolated. Look at the LED, then at the log of portcullis-gate.',
    };
  const latch = gate?.view.latch;
  if (latch !== undefined && latch.kind !== 'clear') {
    const { kind, cause, wall: since } = latch;
    conditions[`latch.${kind}.${since}`] = {
      severity: 'alarm',
      title:
        kind === 'lockout' ? 'LOCKOUT: the vault was isolated by a trip' : 'FAULT: the link is not what was commanded',
      text: `${cause.reason}\nSince ${isoTime(since)}. Nothing connects until somebody resets it at the box.`,
    };
  }
  for (const text of status.attention)
    conditions[`attention.${text}`] = { severity: 'warning', title: firstSentence(text), text };
  const { lastWindow } = status;
  if (lastWindow !== undefined && (lastWindow.outcome === 'partial' || lastWindow.outcome === 'cut'))
    conditions[`window.${lastWindow.startWall}`] = {
      severity: 'warning',
      title: `Window ${lastWindow.name}: ${lastWindow.outcome}`,
      text: lastWindow.why,
    };
  return conditions;
}

function firstSentence(text: string): string {
  const [sentence = text] = text.split(/(?<=[.:])\s/);
  return sentence.length > 120 ? `${sentence.slice(0, 117)}...` : sentence.replace(/[.:]$/, '');
}
