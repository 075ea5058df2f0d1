import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { metricsOf } from '../../daemon/web/metrics.ts';
import { gateView, keeperStatus } from './samples.ts';

const PROMTOOL = '/usr/bin/promtool';
const RULES = fileURLToPath(new URL('../../docs/monitoring/alerts.yml', import.meta.url));
const DASHBOARD = fileURLToPath(new URL('../../docs/monitoring/dashboard.json', import.meta.url));

const full = gateView({
  latch: { kind: 'lockout', cause: { kind: 'button', reason: 'b' }, wall: 1, durable: true },
  proofTest: { wall: 1, passed: true, detail: '' },
});
const metrics = metricsOf(keeperStatus(full));

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
}
const rules = (parse(readFileSync(RULES, 'utf8')) as { groups: [{ rules: Rule[] }] }).groups[0].rules;

/** What makes each alert fire, and what is close to it and does not. */
const CASES: Readonly<Record<string, { readonly fires: string; readonly not: string; readonly after?: string }>> = {
  PortcullisDown: { fires: 'up{job="portcullis"} 0+0x100', not: 'up{job="other"} 0+0x100' },
  PortcullisGateSilent: { fires: 'portcullis_gate_up 0+0x100', not: 'portcullis_gate_up 1+0x100' },
  PortcullisLockout: {
    fires: 'portcullis_latch{latch="lockout"} 1+0x100',
    not: 'portcullis_latch{latch="clear"} 1+0x100',
  },
  PortcullisFault: { fires: 'portcullis_latch{latch="fault"} 1+0x100', not: 'portcullis_latch{latch="fault"} 0+0x100' },
  PortcullisConnectedLong: {
    fires: 'portcullis_gate_state{state="connected"} 1+0x400',
    not: 'portcullis_gate_state{state="connected"} 1+0x100 0+0x2 1+0x300',
    after: '5h',
  },
  PortcullisBackupOverdue: {
    fires: 'portcullis_last_snapshot_timestamp_seconds{source="a"} 0+0x2000',
    not: 'portcullis_last_snapshot_timestamp_seconds{source="a"} 72000+0x2000',
    after: '27h',
  },
  PortcullisSourceFailing: {
    fires: 'portcullis_source_failing{source="a"} 1+0x100',
    not: 'portcullis_source_failing{source="a"} 0+0x100',
  },
  PortcullisInterlockLost: {
    fires: 'portcullis_interlock{name="clock"} 0+0x100',
    not: 'portcullis_interlock{name="window"} 0+0x100',
  },
  PortcullisAlertSourceSilent: {
    fires: 'portcullis_source_silent{source="a"} 1+0x100',
    not: 'portcullis_source_silent{source="a"} 0+0x100',
  },
  PortcullisAlertNotObeyed: {
    fires: 'portcullis_alerts_total{source="a",outcome="failed"} 0+1x100',
    not: 'portcullis_alerts_total{source="a",outcome="tripped"} 0+1x100',
  },
  PortcullisAlertsRefused: {
    fires: 'portcullis_alerts_total{source="a",outcome="refused"} 0+1x200',
    not: 'portcullis_alerts_total{source="a",outcome="refused"} 0+0x100 1+0x100',
  },
  PortcullisProofTestFailed: {
    fires: 'portcullis_proof_test_passed 0+0x100',
    not: 'portcullis_proof_test_passed 1+0x100',
  },
  PortcullisProofTestOld: {
    fires: 'portcullis_proof_test_timestamp_seconds -5200000+0x100',
    not: 'portcullis_proof_test_timestamp_seconds -5000000+0x100',
  },
  PortcullisAttention: { fires: 'portcullis_attention 3+0x900', not: 'portcullis_attention 0+0x900', after: '14h' },
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pc-monitoring-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function namesIn(text: string): string[] {
  return [...new Set(text.match(/\bportcullis_[a-z0-9_]+/g) ?? [])];
}

describe('what is said to Prometheus', () => {
  const exported = new Set(namesIn(metrics).map((name) => name.replace(/_(bucket|sum|count)$/, '')));

  it.each([
    ['alert rules', RULES],
    ['the dashboard', DASHBOARD],
  ])('has every metric that %s ask for', (_, path) => {
    const asked = namesIn(readFileSync(path, 'utf8')).map((name) => name.replace(/_(bucket|sum|count)$/, ''));
    expect(asked.length).toBeGreaterThan(8);
    expect(asked.filter((name) => !exported.has(name))).toEqual([]);
  });

  it('is described in a case that fires and one that does not for every alert', () => {
    expect(rules.map(({ alert }) => alert)).toEqual(Object.keys(CASES));
  });
});

describe.skipIf(!existsSync(PROMTOOL))('promtool', () => {
  const promtool = (args: string[], input = '') =>
    execFileSync(PROMTOOL, args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });

  it('takes the metrics', () => {
    expect(promtool(['check', 'metrics'], metrics)).toBe('');
    expect(() => promtool(['check', 'metrics'], `${metrics}nonsense{`)).toThrow();
  });

  it('takes the rules', () => {
    expect(promtool(['check', 'rules', RULES])).toContain(`${rules.length} rules found`);
  });

  it.each(Object.entries(CASES))(
    'sees %s fire on what it is for, and not on what is close to it',
    (alert, { fires, not, after = '90m' }) => {
      const test = (series: string, expected: boolean) => {
        const at = series.lastIndexOf('}') > 0 ? series.lastIndexOf('}') + 1 : series.indexOf(' ');
        const file = join(folder, 'test.yml');
        const content = {
          rule_files: [RULES],
          evaluation_interval: '1m',
          tests: [
            {
              interval: '1m',
              input_series: [{ series: series.slice(0, at).trim(), values: series.slice(at).trim() }],
              promql_expr_test: [
                {
                  expr: `count(ALERTS{alertname="${alert}",alertstate="firing"}) or vector(0)`,
                  eval_time: after,
                  exp_samples: [{ labels: '{}', value: expected ? 1 : 0 }],
                },
              ],
            },
          ],
        };
        writeFileSync(file, JSON.stringify(content));
        return promtool(['test', 'rules', file]);
      };
      expect(test(fires, true)).toContain('SUCCESS');
      expect(test(not, false)).toContain('SUCCESS');
    },
  );
});
