import { describe, expect, test } from 'vitest';
import type { JsonObject, Reading } from '../../daemon/alerts/format.ts';
import { FORMATS } from '../../daemon/alerts/formats.ts';
import type { AlertSource } from '../../daemon/config/schema.ts';
import { sampleJson } from '../intake/helpers.ts';

type Name = AlertSource['format'];
type Sent = Readonly<Record<string, string>>;

const read = (format: Name, body: unknown, headers: Sent = {}): Reading =>
  FORMATS[format](body, (name) => headers[name]);
/** How many alerts are made of `body`, which must be understood. */
const count = (format: Name, body: unknown, headers: Sent = {}): number => {
  const { alerts, unknown } = read(format, body, headers);
  expect(unknown).toBeUndefined();
  return alerts.length;
};
const changed = (name: string, change: JsonObject) => ({ ...sampleJson(name), ...change });

describe('what is over is left out', () => {
  test.each<[Name, string, readonly unknown[], readonly unknown[]]>([
    [
      'kibana',
      'kibana-webhook-connector-active.json',
      [{ state: 'recovered' }, { action_group: 'Recovered' }],
      [{ state: 'active' }, { state: 5 }],
    ],
    [
      'opensearch',
      'opensearch-alerting-custom-webhook-structured.json',
      [{ state: 'COMPLETED' }, { state: 'DELETED' }],
      [{ state: 'ACKNOWLEDGED' }, { state: 'ERROR' }],
    ],
    [
      'zabbix',
      'zabbix-oncall-mediatype.json',
      [{ state: 'ok' }, { event_id: '1', event_value: '0' }, { event_id: '1', event_value: 0 }],
      [{ state: 'no_data' }, { event_id: '1', event_value: '1' }],
    ],
    [
      'newrelic',
      'newrelic-workflow-created.json',
      [{ state: 'CLOSED' }, { state: 'closed' }, { state: 'DEACTIVATED' }],
      [{ state: 'ACTIVATED' }, { state: 'ACKNOWLEDGED' }],
    ],
    [
      'crowdstrike',
      'crowdstrike-fusion-webhook-new.json',
      [{ status: 'closed' }, { status: 'False Positive' }],
      [{ status: 'in_progress' }],
    ],
    ['sysdig', 'sysdig-webhook-active.json', [{ state: 'OK' }, { resolved: true }], [{ resolved: false }]],
    [
      'grafana',
      'grafana-legacy-alerting.json',
      [{ state: 'ok' }, { state: 'paused' }],
      [{ state: 'no_data' }, { state: 'alerting' }],
    ],
    [
      'datadog',
      'datadog-custom-payload-triggered.json',
      [{ alert_transition: 'Recovered' }],
      [{ alert_transition: 'Re-Triggered' }, { alert_transition: 'No Data' }, { title: '[Recovered] x' }],
    ],
    [
      'datadog',
      'datadog-default-payload-triggered.json',
      [{ title: '[P1] [Recovered] x' }, { title: '[Recovered on {host:a}] x' }],
      [{ title: '[P1] [Triggered on {host:[Recovered]}] x' }, { title: 'x [Recovered]' }, { title: 5 }],
    ],
    ['sentry', 'sentry-metric_alert-resolved.json', [{ action: 'archived' }, {}], [{ action: 'critical' }]],
    [
      'ocsf',
      'ocsf-2004-detection_finding-sechub-guardduty.json',
      [{ status_id: 4 }, { activity_id: 3 }, { status: 'Resolved' }],
      [{ status_id: 2 }, { status_id: 3 }],
    ],
    ['ocsf', 'ocsf-6003-api_activity-cloudtrail.json', [], [{ activity_id: 3 }, { activity_id: 4, status_id: 4 }]],
    [
      'pagerduty',
      'pagerduty-v3-signed-body.json',
      ['incident.resolved', 'incident.acknowledged', 'incident.annotated', 'pagey.ping'].map((event_type) => ({
        event: { event_type, data: { status: 'triggered' } },
      })),
      ['incident.triggered', 'incident.reopened', 'incident.escalated', 'service.updated'].map((event_type) => ({
        event: { event_type, data: { status: 'acknowledged' } },
      })),
    ],
    [
      'azure-monitor',
      'azure-monitor-common-alert-fired.json',
      [{ data: { essentials: { monitorCondition: 'Resolved' } } }, { data: { status: 'Deactivated' } }],
      [{ data: { essentials: {} } }, { data: { status: 'Activated' } }],
    ],
    [
      'google-monitoring',
      'gcp-monitoring-v1.1-open.json',
      [{ incident: { policy_name: 'x', state: 'CLOSED' } }],
      [{ incident: { policy_name: 'x', state: 'OPEN' } }],
    ],
    [
      'sentinel',
      'sentinel-incident-trigger-create.json',
      [{ object: { properties: { severity: 'High', status: 'Closed' } } }],
      [{ object: { properties: { severity: 'High', status: 'Active' } } }],
    ],
  ])('%s: %s', (format, name, over, wrong) => {
    for (const change of over)
      expect([change, count(format, changed(name, change as JsonObject))]).toEqual([change, 0]);
    for (const change of wrong)
      expect([change, count(format, changed(name, change as JsonObject))]).toEqual([change, 1]);
  });

  test('a resolved incident of PagerDuty stays so whatever is said about it', () => {
    const event = { event_type: 'incident.priority_updated', data: { status: 'resolved' } };
    expect(count('pagerduty', { event })).toBe(0);
  });

  test('messages of PagerDuty v1 and v2 are judged one by one', () => {
    const messages = [
      { type: 'incident.resolve', data: { incident: { status: 'resolved' } } },
      { type: 'incident.trigger', data: { incident: { status: 'triggered' } } },
      { event: 'incident.trigger', incident: { status: 'triggered' } },
    ];
    expect(count('pagerduty', { messages })).toBe(2);
    expect(read('pagerduty', { messages: [5, ...messages] })).toMatchObject({
      unknown: expect.stringMatching(/1 of 4/),
    });
  });
});

describe('Alertmanager and Grafana', () => {
  test('version 3, whose groupKey loses its last digits', () => {
    const body = sampleJson('alertmanager-v3-legacy-numeric-groupkey.json');
    expect(count('alertmanager', body)).toBe(1);
    expect(body['groupKey']).toBe(5615590933959184000);
  });

  test('the list falcosidekick posts', () => {
    const list = Object.values(sampleJson('falco-falcosidekick-alertmanager-array.json'));
    expect(count('alertmanager', list)).toBe(1);
    expect(count('alertmanager', [...list, { labels: {}, status: 'resolved' }])).toBe(1);
    expect(read('alertmanager', [...list, 5])).toMatchObject({ alerts: list, unknown: expect.any(String) });
    expect(read('alertmanager', []).unknown).toBeDefined();
  });

  test('a group of Grafana has its own version', () => {
    const body = sampleJson('grafana-v12-unified-firing.json');
    expect(count('grafana', body)).toBe(1);
    expect(read('alertmanager', body).unknown).toBeDefined();
    expect(count('grafana', sampleJson('grafana-unified-firing-grouped-3.json'))).toBe(3);
  });
});

describe('Amazon', () => {
  const notification = sampleJson('sns-notification-cloudwatch-alarm-firing.json');

  test('only what is signed of a message of SNS is looked at', () => {
    const { alerts } = read('sns', { ...notification, airgap_action: 'drop', Extra: 'x' });
    expect(Object.keys(alerts[0] ?? {}).sort()).toEqual(['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn']);
    expect(alerts[0]).toMatchObject({ Message: { AlarmName: 'bucketbytesAlarm', NewStateValue: 'ALARM' } });
  });

  test('a message that is no JSON stays text', () => {
    expect(read('sns', sampleJson('sns-notification-v1-signed.json')).alerts[0]).toMatchObject({
      Message: 'Hello world',
    });
  });

  test('an alarm of CloudWatch that is over, by SNS and by EventBridge', () => {
    const message = (NewStateValue: string) => ({
      ...notification,
      Message: JSON.stringify({ AlarmName: 'a', NewStateValue }),
    });
    expect(['ALARM', 'OK', 'INSUFFICIENT_DATA'].map((state) => count('sns', message(state)))).toEqual([1, 0, 0]);
    const event = (value: string) => ({
      'detail-type': 'CloudWatch Alarm State Change',
      source: 'aws.cloudwatch',
      detail: { alarmName: 'a', state: { value } },
    });
    expect(['ALARM', 'OK'].map((state) => count('eventbridge', event(state)))).toEqual([1, 0]);
    expect(count('sns', { ...notification, Message: JSON.stringify(event('OK')) })).toBe(0);
    // "OK" elsewhere leaves nothing out.
    expect(count('eventbridge', { ...event('OK'), source: 'mine' })).toBe(1);
  });

  test('findings of Security Hub are judged one by one', () => {
    const findings = [
      { Id: '1' },
      { Id: '2', Workflow: { Status: 'RESOLVED' } },
      { Id: '3', RecordState: 'ARCHIVED' },
      { Id: '4', Workflow: { Status: 'NEW' } },
    ];
    const event = {
      'detail-type': 'Security Hub Findings',
      source: 'aws.securityhub',
      region: 'x',
      detail: { findings },
    };
    expect(read('eventbridge', event).alerts).toEqual(
      [findings[0], findings[3]].map((one) => ({ ...event, detail: { findings: [one] } })),
    );
  });

  test('who asks whether to subscribe reports nothing', () => {
    expect(count('sns', sampleJson('sns-subscriptionconfirmation-v1.json'))).toBe(0);
    expect(read('sns', { ...notification, Type: 'Other' }).unknown).toBeDefined();
  });
});

describe('Pub/Sub', () => {
  const push = sampleJson('gcp-pubsub-push-scc-finding.json');
  const withData = (data: unknown) => ({ ...push, message: { messageId: '1', data } });
  const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');

  test('the data of a message is read', () => {
    expect(read('pubsub', push).alerts[0]).toMatchObject({
      message: { data: { finding: { category: 'PUBLIC_BUCKET_ACL' } } },
    });
  });

  test('what is over', () => {
    expect(count('pubsub', withData(base64({ finding: { state: 'INACTIVE' } })))).toBe(0);
    expect(count('pubsub', withData(base64({ incident: { state: 'closed' } })))).toBe(0);
    expect(count('pubsub', withData(base64({ protoPayload: {} })))).toBe(1);
    expect(count('pubsub', { finding: { state: 'INACTIVE' }, notificationConfigName: 'x' })).toBe(0);
  });

  test.each([5, null, '', '!!', base64([]), base64('x'), Buffer.from('{"a":"\xff"}', 'latin1').toString('base64')])(
    'data that is %j is not understood, and still judged',
    (data) => {
      expect(read('pubsub', withData(data))).toMatchObject({ alerts: [{ message: {} }], unknown: expect.any(String) });
    },
  );
});

describe('GitHub, GitLab and Sentry', () => {
  test('the event of a header is where rules find it', () => {
    const push = sampleJson('github-push-forced-default-branch.json');
    expect(read('github', { ...push, portcullis: { event: 'ping' } }, { 'x-github-event': 'push' })).toMatchObject({
      alerts: [{ portcullis: { event: 'push' } }],
    });
    expect(read('github', push)).toMatchObject({ alerts: [push], unknown: expect.stringContaining('X-GitHub-Event') });
  });

  test('a ping says that the webhook was set up; the header alone makes no ping', () => {
    const ping = { 'x-github-event': 'ping' };
    expect(count('github', sampleJson('github-ping.json'), ping)).toBe(0);
    expect(count('github', sampleJson('github-push-forced-default-branch.json'), ping)).toBe(1);
  });

  test('comments on an issue of Sentry, and installations, report nothing', () => {
    const body = sampleJson('sentry-event_alert-triggered.json');
    expect(count('sentry', { ...body, data: { comment: 'x' } })).toBe(0);
    expect(count('sentry', { ...body, data: { installation: {} } })).toBe(0);
    expect(read('sentry', body, { 'sentry-hook-resource': 'event_alert' }).alerts[0]).toMatchObject({
      portcullis: { event: 'event_alert' },
    });
  });
});

describe('CloudEvents', () => {
  const event = { specversion: '1.0', type: 't', source: 's', id: '1' };
  const sent = { 'ce-specversion': '1.0', 'ce-type': 't', 'ce-source': 's', 'ce-id': 'a%20%E2%82%AC', 'ce-time': '%' };

  test('binary, structured and in a batch: the root is the same', () => {
    const data = { rule: 'x' };
    expect(read('cloudevents', data, sent).alerts).toEqual([{ ...event, id: 'a €', time: '%', data }]);
    expect(read('cloudevents', { ...event, data }).alerts).toEqual([{ ...event, data }]);
    expect(read('cloudevents', [{ ...event, data }, event]).alerts).toEqual([{ ...event, data }, event]);
    const data_base64 = Buffer.from(JSON.stringify(data)).toString('base64');
    expect(read('cloudevents', { ...event, data_base64 })).toEqual({ alerts: [{ ...event, data }] });
  });

  test('the content type says which, where it says so', () => {
    const type = { ...sent, 'content-type': 'application/cloudevents+json; charset=utf-8' };
    expect(read('cloudevents', { ...event, data: 1 }, type).alerts).toEqual([{ ...event, data: 1 }]);
    // An event of another sender as the data of one.
    expect(read('cloudevents', { ...event, id: '2' }, { ...sent, 'content-type': 'application/json' }).alerts).toEqual([
      { ...event, id: 'a €', time: '%', data: { ...event, id: '2' } },
    ]);
  });

  test('the mark, in the only way CloudEvents can write it', () => {
    expect(read('cloudevents', {}, { ...sent, 'ce-airgapaction': 'drop' }).alerts[0]).toMatchObject({
      airgapaction: 'drop',
    });
  });

  test('what cannot be judged is not understood, what can be is judged', () => {
    const opaque = { ...event, data_base64: 'AAAA' };
    expect(read('cloudevents', [opaque, { ...event, data: 1 }])).toMatchObject({
      alerts: [opaque, { data: 1 }],
      unknown: expect.any(String),
    });
    expect(read('cloudevents', [event, 5])).toMatchObject({ alerts: [event], unknown: expect.any(String) });
    expect(read('cloudevents', {}, { 'ce-specversion': '1.0' })).toMatchObject({ unknown: expect.any(String) });
    expect(read('cloudevents', []).unknown).toBeDefined();
  });
});

test('a list of audit events is judged one by one', () => {
  const event = sampleJson('k8s-audit-pvc-delete.json');
  const list = (...items: unknown[]) => ({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', items });
  expect(count('kubernetes', list(event, event))).toBe(2);
  expect(count('kubernetes', list())).toBe(0);
  expect(read('kubernetes', list(event, 5))).toMatchObject({ alerts: [event], unknown: expect.any(String) });
  expect(read('kubernetes', { ...event, apiVersion: 'v1' }).unknown).toBeDefined();
});

test('an alert of Wazuh is the root, with and without what the stock script puts around it', () => {
  const bare = sampleJson('wazuh-alert-level13.json');
  expect(read('wazuh', bare).alerts).toEqual([bare]);
  const wrapped = sampleJson('wazuh-shuffle-webhook-body.json');
  expect(read('wazuh', wrapped).alerts).toEqual([wrapped['all_fields']]);
});

test('a body of another template is judged all the same, and said not to be understood', () => {
  for (const format of ['datadog', 'kibana', 'opensearch', 'zabbix', 'newrelic', 'crowdstrike'] as const)
    expect(read(format, { airgap_action: 'drop' })).toEqual({
      alerts: [{ airgap_action: 'drop' }],
      unknown: expect.stringContaining('The body is not'),
    });
});

test('rules compare numbers as JavaScript reads them, also where JSON has more digits', () => {
  const { output_fields: fields } = sampleJson('falco-http_output-critical-shell.json') as {
    output_fields: Record<string, unknown>;
  };
  expect(fields['evt.time']).toBe(Number('1685022245478445995'));
  expect(Number.isSafeInteger(fields['evt.time'])).toBe(false);
});
