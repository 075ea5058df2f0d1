import { isText, says, template } from './format-one.ts';

/**
 * CrowdStrike Falcon Fusion's "Call webhook", whose body is the operator's. Unverified: no body that CrowdStrike published
 * was at hand, only the template the documentation shows, with `incident_id` or `detection_id`, and `status`.
 */
export const crowdstrike = template({
  what: 'a body with incident_id or detection_id, and status',
  is: (body) => (isText(body['incident_id']) || isText(body['detection_id'])) && isText(body['status']),
  isOver: (body) => says(body['status'], 'closed', 'resolved', 'false_positive', 'false positive'),
});
