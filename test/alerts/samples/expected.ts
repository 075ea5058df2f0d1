import type { AlertSource } from '../../../daemon/config/schema.ts';

/** What the shipped rules make of a sample, sent to a source without rules of its own. */
export type Outcome =
  /** The rule of that name trips. */
  | { readonly trips: string }
  /** The shape is not wholly the format's: a source's policy trips unless it says otherwise. */
  | { readonly unknown: true }
  /** It does not say that something is wrong now. */
  | { readonly over: string }
  /** The rule of that name waits for more of it. */
  | { readonly waits: string }
  /** The rule of that name would trip, but it was refused, and not an agent's. */
  | { readonly refused: string }
  /** No shipped rule is about it. */
  | { readonly none: string };

export interface Row {
  /** The name of a file in this folder, without `.json`. */
  readonly sample: string;
  readonly format: AlertSource['format'];
  /** Those the format looks at. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly outcome: Outcome;
}

/** What falcosidekick writes into headers; its sample holds the body beside them. */
const FALCOSIDEKICK = {
  'content-type': 'application/json',
  'ce-specversion': '1.0',
  'ce-id': 'b1a0e5c6-6b3f-4c3a-8f6a-0c9a4b0f7d11',
  'ce-source': 'https://falco.org',
  'ce-type': 'falco.rule.output.v1',
};

/** docs/alert-samples.md shows the same. */
export const ROWS: readonly Row[] = [
  {
    sample: 'alertmanager-v3-legacy-numeric-groupkey',
    format: 'alertmanager',
    outcome: { none: 'A host does not answer.' },
  },
  { sample: 'alertmanager-v4-agent-destructive-firing', format: 'alertmanager', outcome: { trips: 'mark.drop' } },
  {
    sample: 'alertmanager-v4-agent-destructive-resolved',
    format: 'alertmanager',
    outcome: { over: 'It is resolved.' },
  },
  { sample: 'alertmanager-v4-firing-single', format: 'alertmanager', outcome: { none: 'Something is down.' } },
  { sample: 'azure-monitor-common-alert-fired', format: 'azure-monitor', outcome: { none: 'A processor is busy.' } },
  { sample: 'cloudevents-batch', format: 'cloudevents', outcome: { unknown: true } },
  {
    sample: 'cloudevents-binary-headers-falcosidekick',
    format: 'cloudevents',
    headers: FALCOSIDEKICK,
    outcome: { none: 'A shell was started, and cleared its screen.' },
  },
  { sample: 'cloudevents-structured-data_base64', format: 'cloudevents', outcome: { unknown: true } },
  { sample: 'cloudevents-structured-json-data', format: 'cloudevents', outcome: { none: 'An event of an example.' } },
  {
    sample: 'cloudtrail-rds-deletedbinstance-accessdenied',
    format: 'json',
    outcome: { refused: 'aws.rds.delete_nosnap' },
  },
  {
    sample: 'cloudtrail-rds-deletedbinstance-skipfinalsnapshot',
    format: 'json',
    outcome: { trips: 'aws.rds.delete_nosnap' },
  },
  { sample: 'cloudtrail-rds-deletedbinstance-withsnapshot', format: 'json', outcome: { trips: 'aws.rds.delete' } },
  { sample: 'cloudtrail-s3-putbucketlifecycle-1day', format: 'json', outcome: { trips: 'aws.s3.lifecycle' } },
  {
    sample: 'crowdstrike-fusion-webhook-new',
    format: 'crowdstrike',
    outcome: { none: 'The deletion stands in words only: send `airgap_action`, or write a rule.' },
  },
  {
    sample: 'datadog-custom-payload-triggered',
    format: 'datadog',
    outcome: { none: 'The call stands in tags only: send `airgap_action`, or write a rule.' },
  },
  {
    sample: 'datadog-default-payload-triggered',
    format: 'datadog',
    outcome: { none: 'The calls stand in a title only: send `airgap_action`, or write a rule.' },
  },
  {
    sample: 'eventbridge-cloudtrail-deletedbinstance',
    format: 'eventbridge',
    outcome: { trips: 'aws.rds.delete_nosnap' },
  },
  {
    sample: 'falco-falcosidekick-alertmanager-array',
    format: 'alertmanager',
    outcome: { none: 'A test of falcosidekick.' },
  },
  { sample: 'falco-falcosidekick-input-error', format: 'falco', outcome: { none: 'A file was made beside programs.' } },
  {
    sample: 'falco-http_output-critical-shell',
    format: 'falco',
    outcome: { none: 'A shell was started, and cleared its screen.' },
  },
  {
    sample: 'gcp-monitoring-v1.0-open-full',
    format: 'google-monitoring',
    outcome: { none: 'A site answers with errors.' },
  },
  { sample: 'gcp-monitoring-v1.1-closed-resolved', format: 'google-monitoring', outcome: { over: 'It is closed.' } },
  { sample: 'gcp-monitoring-v1.1-open', format: 'google-monitoring', outcome: { none: 'A processor is busy.' } },
  {
    sample: 'gcp-pubsub-push-scc-finding',
    format: 'pubsub',
    outcome: { none: 'A bucket is public: nothing is deleted.' },
  },
  { sample: 'gcp-scc-finding-active', format: 'pubsub', outcome: { none: 'A bucket is public: nothing is deleted.' } },
  { sample: 'github-audit-org-remove_member', format: 'json', outcome: { waits: 'gh.member' } },
  { sample: 'github-audit-policy_override', format: 'json', outcome: { trips: 'gh.audit.bpr' } },
  { sample: 'github-auditlog-stream-batch', format: 'json', outcome: { trips: 'gh.audit.repo.destroy' } },
  {
    sample: 'github-branch_protection_rule-deleted',
    format: 'github',
    headers: { 'x-github-event': 'branch_protection_rule' },
    outcome: { trips: 'gh.bpr' },
  },
  {
    sample: 'github-delete-branch',
    format: 'github',
    headers: { 'x-github-event': 'delete' },
    outcome: { waits: 'gh.delete' },
  },
  {
    sample: 'github-delete-tag',
    format: 'github',
    headers: { 'x-github-event': 'delete' },
    outcome: { waits: 'gh.delete' },
  },
  {
    sample: 'github-ghes-organization-member_removed',
    format: 'github',
    headers: { 'x-github-event': 'organization' },
    outcome: { waits: 'gh.member' },
  },
  {
    sample: 'github-ghes-repository-deleted',
    format: 'github',
    headers: { 'x-github-event': 'repository' },
    outcome: { trips: 'gh.repo.deleted' },
  },
  {
    sample: 'github-ping',
    format: 'github',
    headers: { 'x-github-event': 'ping' },
    outcome: { over: 'The webhook was set up.' },
  },
  {
    sample: 'github-push-forced-default-branch',
    format: 'github',
    headers: { 'x-github-event': 'push' },
    outcome: { trips: 'gh.push.force' },
  },
  {
    sample: 'github-push-new-branch-benign',
    format: 'github',
    headers: { 'x-github-event': 'push' },
    outcome: { none: 'A push as every day.' },
  },
  {
    sample: 'github-push-tag-deleted',
    format: 'github',
    headers: { 'x-github-event': 'push' },
    outcome: { none: 'A tag alone; GitHub also sends `delete`, which is counted.' },
  },
  {
    sample: 'github-team-deleted',
    format: 'github',
    headers: { 'x-github-event': 'team' },
    outcome: { waits: 'gh.team' },
  },
  { sample: 'gitlab-push-branch-deleted', format: 'gitlab', outcome: { trips: 'gl.push.deleted' } },
  {
    sample: 'gitlab-push-event',
    format: 'gitlab',
    outcome: { none: 'A push as every day; GitLab does not say whether it was forced.' },
  },
  { sample: 'gitlab-system-key-removed', format: 'gitlab', outcome: { waits: 'gl.key' } },
  { sample: 'gitlab-system-project-destroyed', format: 'gitlab', outcome: { trips: 'gl.project' } },
  {
    sample: 'gitlab-system-push-event',
    format: 'gitlab',
    outcome: { none: 'A push as every day; GitLab does not say whether it was forced.' },
  },
  { sample: 'gitlab-system-user-removed', format: 'gitlab', outcome: { waits: 'gl.user' } },
  { sample: 'grafana-legacy-alerting', format: 'grafana', outcome: { none: 'A processor is busy.' } },
  { sample: 'grafana-legacy-ok-resolved', format: 'grafana', outcome: { over: 'It is OK again.' } },
  { sample: 'grafana-unified-firing-grouped-3', format: 'grafana', outcome: { none: 'Three hosts are down.' } },
  { sample: 'grafana-v12-unified-firing', format: 'grafana', outcome: { none: 'A test of Grafana.' } },
  {
    sample: 'guardduty-finding-detail-sev8',
    format: 'json',
    outcome: { none: 'Somebody gave himself rights: nothing is deleted.' },
  },
  { sample: 'k8s-audit-pvc-delete', format: 'kubernetes', outcome: { trips: 'k8s.pv' } },
  { sample: 'kibana-webhook-connector-active', format: 'kibana', outcome: { trips: 'siem.name' } },
  { sample: 'newrelic-workflow-closed-resolved', format: 'newrelic', outcome: { over: 'It is closed.' } },
  { sample: 'newrelic-workflow-created', format: 'newrelic', outcome: { none: 'A site answers with errors.' } },
  { sample: 'ocsf-2004-detection_finding-sechub-guardduty', format: 'ocsf', outcome: { trips: 'aws.logs' } },
  { sample: 'ocsf-6003-api_activity-cloudtrail', format: 'ocsf', outcome: { none: 'Somebody looked.' } },
  {
    sample: 'opensearch-alerting-custom-webhook-structured',
    format: 'opensearch',
    outcome: { none: 'The deletion stands in names only: send `airgap_action`, or write a rule.' },
  },
  {
    sample: 'opensearch-alerting-custom-webhook',
    format: 'opensearch',
    outcome: { none: 'The deletion stands in words only: send `airgap_action`, or write a rule.' },
  },
  {
    sample: 'pagerduty-v1-batch-ack-and-resolve',
    format: 'pagerduty',
    outcome: { over: 'One message says that somebody looks at it, the other that it is resolved.' },
  },
  {
    sample: 'pagerduty-v3-incident-priority_updated',
    format: 'pagerduty',
    outcome: { none: 'An incident of nobody knows what.' },
  },
  { sample: 'pagerduty-v3-signed-body', format: 'pagerduty', outcome: { none: 'An incident of nobody knows what.' } },
  {
    sample: 'sentinel-incident-trigger-create',
    format: 'sentinel',
    outcome: { none: 'The deletion stands in a title only: send `airgap_action`, or write a rule.' },
  },
  { sample: 'sentry-event_alert-triggered', format: 'sentry', outcome: { none: 'A program failed.' } },
  { sample: 'sentry-legacy-webhook-plugin', format: 'sentry', outcome: { none: 'A program failed.' } },
  { sample: 'sentry-metric_alert-resolved', format: 'sentry', outcome: { over: 'It is resolved.' } },
  { sample: 'sns-notification-cloudwatch-alarm-firing', format: 'sns', outcome: { none: 'A bucket grows.' } },
  {
    sample: 'sns-notification-cloudwatch-insufficientdata',
    format: 'sns',
    outcome: { over: 'The alarm has no data, which is no alarm.' },
  },
  { sample: 'sns-notification-v1-signed', format: 'sns', outcome: { none: 'A test.' } },
  {
    sample: 'sns-subscriptionconfirmation-v1',
    format: 'sns',
    outcome: { over: 'Amazon asks whether to send alerts here; the scheme `aws-sns` tells the operator.' },
  },
  { sample: 'splunk-alert-webhook-destructive', format: 'splunk', outcome: { trips: 'aws.rds.delete_nosnap' } },
  { sample: 'splunk-alert-webhook', format: 'splunk', outcome: { none: 'A count of log lines.' } },
  { sample: 'standardwebhooks-agent-destructive', format: 'json', outcome: { trips: 'mark.event' } },
  { sample: 'standardwebhooks-example-event', format: 'json', outcome: { none: 'A contact was made.' } },
  {
    sample: 'sysdig-webhook-active',
    format: 'sysdig',
    outcome: { none: 'The deletion stands in a name only: send `airgap_action`, or write a rule.' },
  },
  { sample: 'sysdig-webhook-ok-resolved', format: 'sysdig', outcome: { over: 'It is OK again.' } },
  { sample: 'tool-hook-claude-code-destructive', format: 'tool-hook', outcome: { trips: 'sql.drop' } },
  { sample: 'tool-hook-claude-code-harmless', format: 'tool-hook', outcome: { none: 'The tests are run.' } },
  { sample: 'tool-hook-mcp-volume-delete', format: 'tool-hook', outcome: { trips: 'tool.destroy' } },
  { sample: 'vercel-project-removed', format: 'vercel', outcome: { trips: 'vercel' } },
  { sample: 'wazuh-alert-level13', format: 'wazuh', outcome: { none: 'An address is known to be bad.' } },
  { sample: 'wazuh-shuffle-webhook-body', format: 'wazuh', outcome: { none: 'An address is known to be bad.' } },
  { sample: 'zabbix-oncall-mediatype', format: 'zabbix', outcome: { none: 'A test.' } },
];
