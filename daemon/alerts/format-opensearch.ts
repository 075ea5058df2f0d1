import { isText, says, template } from './format-one.ts';

/** What the message says that OpenSearch offers for a new action. */
const OFFERED = 'just entered alert status';

/**
 * OpenSearch Alerting, whose body is the operator's: the message that is offered, or one with `monitor` or `monitor_name`,
 * and `trigger` or `trigger_name`; `state` says whether it is over.
 * https://docs.opensearch.org/latest/observing-your-data/alerting/actions/
 */
export const opensearch = template({
  what: 'a body with monitor and trigger, or the message OpenSearch offers',
  is: (body) =>
    (isText(body['text']) && body['text'].includes(OFFERED)) ||
    ((isText(body['monitor']) || isText(body['monitor_name'])) &&
      (isText(body['trigger']) || isText(body['trigger_name']))),
  isOver: (body) => says(body['state'], 'completed', 'deleted'),
});
