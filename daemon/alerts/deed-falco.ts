import { deed, NOTHING, type Recogniser, text } from './deed.ts';
import { withoutDots } from './dotted.ts';
import { isObject, type JsonObject } from './format.ts';
import { within } from './format-one.ts';

/**
 * An event of Falco, or the labels of an alert that falcosidekick makes of one: there the dots in the names of output fields
 * have become underscores, and are read as dots again. https://falco.org/docs/concepts/outputs/formatting/
 */
export const falco: Recogniser = (value) => {
  if (text(value['rule']) === undefined || text(value['priority']) === undefined) return NOTHING;
  const isEvent = text(value['output']) !== undefined || isObject(value['output_fields']);
  if (!isEvent && text(value['eventsource']) === undefined && value['source'] !== 'falco') return NOTHING;
  const fields = withoutDots(isObject(value['output_fields']) ? value['output_fields'] : dottedAgain(value));
  const audit = within(fields, 'ka');
  const cloud = within(fields, 'ct');
  return [
    deed(
      'falco',
      { ...value, portcullis: { fields } },
      {
        by: [
          within(audit, 'user')['name'],
          cloud['user'],
          within(fields, 'gcp')['user'],
          within(fields, 'github')['user'],
          within(fields, 'user')['name'],
        ],
        through: [audit['useragent'], cloud['useragent']],
        refused: Number(within(audit, 'response')['code'] ?? 0) >= 400,
        origin: value,
      },
    ),
  ];
};

function dottedAgain(labels: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(labels)
      .filter(([key]) => key.includes('_'))
      .map(([key, item]) => [key.replaceAll('_', '.'), item]),
  );
}
