import { isText, says, template } from './format-one.ts';

/** Datadog puts this before the title of a monitor, after the priority; what follows may be an actor's words. */
const RECOVERED = /^\s*(?:\[P\d\]\s*)?\[Recovered\b/i;

/**
 * Datadog's webhook. Its default body says nowhere but in the title whether it is over, so the documentation shows one with
 * `alert_transition`. https://docs.datadoghq.com/integrations/webhooks/
 */
export const datadog = template({
  what: 'a webhook of Datadog: its default body, or one with alert_transition',
  is: (body) => isText(body['alert_transition']) || ('event_type' in body && 'last_updated' in body && 'org' in body),
  isOver: (body) =>
    isText(body['alert_transition'])
      ? says(body['alert_transition'], 'recovered')
      : isText(body['title']) && RECOVERED.test(body['title']),
});
