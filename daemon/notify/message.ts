import { isoTime } from '../base/clock.ts';
import type { Notice, Severity } from './notice.ts';

/** What each kind of receiver understands. */
export type ReceiverKind = 'webhook' | 'slack' | 'teams' | 'ntfy';

export interface Request {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const SIGNS: Readonly<Record<Severity, string>> = { alarm: '🔴', warning: '🟡', info: '🟢' };

/**
 * A notice as an HTTP request. Slack: an incoming webhook's `text` (docs.slack.dev, "Formatting with mrkdwn": &, < and > escaped).
 * Teams: an Adaptive Card in a message, as workflows take it (learn.microsoft.com, "Create incoming webhooks with Workflows").
 * ntfy: the text, with title, priority (1–5) and tags in headers (docs.ntfy.sh/publish).
 */
export function requestOf(kind: ReceiverKind, appliance: string, notice: Notice): Request {
  const { severity, over, title, text, wall, id, key } = notice;
  const json = { 'content-type': 'application/json' };
  switch (kind) {
    case 'webhook':
      return {
        headers: json,
        body: JSON.stringify({ version: 1, appliance, id, key, severity, over, title, text, time: isoTime(wall) }),
      };
    case 'slack':
      return {
        headers: json,
        body: JSON.stringify({
          text: `${SIGNS[severity]} *${escaped(appliance)}: ${escaped(title)}*\n${escaped(text)}`,
        }),
      };
    case 'teams': {
      const block = (words: string, more: object = {}) => ({ type: 'TextBlock', text: words, wrap: true, ...more });
      const color = severity === 'alarm' ? 'attention' : severity === 'warning' ? 'warning' : 'good';
      const content = {
        $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
        type: 'AdaptiveCard',
        version: '1.4',
        body: [
          block(`${SIGNS[severity]} ${appliance}: ${title}`, { weight: 'bolder', size: 'medium', color }),
          block(text),
          block(isoTime(wall), { isSubtle: true, size: 'small' }),
        ],
      };
      return {
        headers: json,
        body: JSON.stringify({
          type: 'message',
          attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', content }],
        }),
      };
    }
    case 'ntfy':
      return {
        headers: {
          'content-type': 'text/plain; charset=utf-8',
          // A header holds ASCII; what else there is stands in the text.
          title: ascii(`${appliance}: ${title}`),
          priority: severity === 'alarm' ? '5' : severity === 'warning' ? '4' : '2',
          tags: severity === 'alarm' ? 'rotating_light' : severity === 'warning' ? 'warning' : 'white_check_mark',
        },
        body: `${title}\n${text}`,
      };
    default:
      return kind satisfies never;
  }
}

export interface Mail {
  readonly subject: string;
  readonly text: string;
}

export function mailOf(appliance: string, { severity, title, text, wall, over }: Notice): Mail {
  const word = over ? 'OVER' : severity.toUpperCase();
  const lines = [
    title,
    '',
    text,
    '',
    `Noticed at ${isoTime(wall)} by ${appliance}.`,
    'On the appliance: portcullis status',
  ];
  return {
    subject: `[${word}] ${appliance}: ${title}`.replace(/\s+/g, ' ').slice(0, 200),
    text: `${lines.join('\n')}\n`,
  };
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function ascii(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 250);
}
