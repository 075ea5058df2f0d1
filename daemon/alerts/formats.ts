import type { AlertSource } from '../config/schema.ts';
import type { Format } from './format.ts';
import { alertmanager } from './format-alertmanager.ts';
import { azureMonitor } from './format-azure-monitor.ts';
import { cloudevents } from './format-cloudevents.ts';
import { crowdstrike } from './format-crowdstrike.ts';
import { datadog } from './format-datadog.ts';
import { eventbridge } from './format-eventbridge.ts';
import { falco } from './format-falco.ts';
import { github } from './format-github.ts';
import { gitlab } from './format-gitlab.ts';
import { googleMonitoring } from './format-google-monitoring.ts';
import { grafana } from './format-grafana.ts';
import { json } from './format-json.ts';
import { kibana } from './format-kibana.ts';
import { kubernetes } from './format-kubernetes.ts';
import { newrelic } from './format-newrelic.ts';
import { ocsf } from './format-ocsf.ts';
import { opensearch } from './format-opensearch.ts';
import { pagerduty } from './format-pagerduty.ts';
import { pubsub } from './format-pubsub.ts';
import { sentinel } from './format-sentinel.ts';
import { sentry } from './format-sentry.ts';
import { sns } from './format-sns.ts';
import { splunk } from './format-splunk.ts';
import { sysdig } from './format-sysdig.ts';
import { toolHook } from './format-tool-hook.ts';
import { vercel } from './format-vercel.ts';
import { wazuh } from './format-wazuh.ts';
import { zabbix } from './format-zabbix.ts';

export const FORMATS: { readonly [F in AlertSource['format']]: Format } = {
  alertmanager,
  'azure-monitor': azureMonitor,
  cloudevents,
  crowdstrike,
  datadog,
  eventbridge,
  falco,
  github,
  gitlab,
  'google-monitoring': googleMonitoring,
  grafana,
  json,
  kibana,
  kubernetes,
  newrelic,
  ocsf,
  opensearch,
  pagerduty,
  pubsub,
  sentinel,
  sentry,
  sns,
  splunk,
  sysdig,
  'tool-hook': toolHook,
  vercel,
  wazuh,
  zabbix,
};
