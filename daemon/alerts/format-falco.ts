import { isObject } from './format.ts';
import { isText, one } from './format-one.ts';

/**
 * Falco's http_output, and falcosidekick's webhook, which passes the same on. The keys of `output_fields` have dots in
 * them; `evt.time` is a number too large for JavaScript, so no rule can rely on its last digits.
 * https://falco.org/docs/concepts/outputs/channels/
 */
export const falco = one({
  what: 'an event of Falco',
  is: (body) =>
    isText(body['rule']) && isText(body['priority']) && (isText(body['output']) || isObject(body['output_fields'])),
});
