import { AWS } from './aws.ts';
import { AZURE } from './azure.ts';
import { COMMAND } from './command.ts';
import type { Fixtures } from './fixtures.ts';
import { GCP } from './gcp.ts';
import { GIT } from './git.ts';
import { KUBERNETES } from './kubernetes.ts';
import { PLATFORM } from './platform.ts';
import { SQL } from './sql.ts';

const MARK: Fixtures = {
  'mark.drop': {
    trips: [{ labels: { airgap_action: 'drop' } }, { tags: ['airgap_action:drop'] }],
    passes: [{ labels: { airgap_action: 'none' } }, { airgap: 'drop' }],
  },
  'mark.event': {
    trips: [{ type: 'agent.destructive' }, { type: 'agent.destructive.detected', data: {} }],
    passes: [
      { type: 'agent.destructively' },
      { type: 'an agent.destructive' },
      { data: { type: 'agent.destructive' } },
    ],
  },
};

/** What every shipped rule is shown. */
export const FIXTURES: Fixtures = {
  ...MARK,
  ...AWS,
  ...AZURE,
  ...GCP,
  ...KUBERNETES,
  ...GIT,
  ...SQL,
  ...COMMAND,
  ...PLATFORM,
};
