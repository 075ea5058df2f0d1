import { isText, one } from './format-one.ts';

/**
 * A webhook of GitLab (`object_kind`), a system hook (`event_name`) or an event of its audit stream (`event_type`).
 * https://docs.gitlab.com/user/project/integrations/webhook_events/
 * https://docs.gitlab.com/administration/system_hooks/
 * https://docs.gitlab.com/user/compliance/audit_event_schema/
 */
export const gitlab = one({
  what: 'a webhook of GitLab',
  is: (body) =>
    isText(body['object_kind']) ||
    isText(body['event_name']) ||
    (isText(body['event_type']) && ('entity_type' in body || 'author_name' in body)),
});
