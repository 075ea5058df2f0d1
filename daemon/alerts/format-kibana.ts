import { isText, says, template } from './format-one.ts';

/**
 * Kibana's webhook connector, whose body is the operator's; the documentation shows it with `rule_id`, `rule_name` and
 * `state` or `action_group`. https://www.elastic.co/docs/reference/kibana/connectors-kibana/webhook-action-type
 */
export const kibana = template({
  what: 'a body with rule_id or rule_name, and state or action_group',
  is: (body) =>
    (isText(body['rule_id']) || isText(body['rule_name'])) && (isText(body['state']) || isText(body['action_group'])),
  isOver: (body) => says(body['state'], 'recovered') || says(body['action_group'], 'recovered'),
});
