import { AWS_RULES } from './pack-aws.ts';
import { AZURE_RULES } from './pack-azure.ts';
import { COMMAND_RULES } from './pack-command.ts';
import { GCP_RULES } from './pack-gcp.ts';
import { GIT_RULES } from './pack-git.ts';
import { KUBERNETES_RULES } from './pack-kubernetes.ts';
import { PLATFORM_RULES } from './pack-platform.ts';
import { SQL_RULES } from './pack-sql.ts';
import { like, type PackRule, rulesOn, there } from './pack-words.ts';

/** Goes up with every change of the rules below. */
export const PACK_VERSION = 1;

/** The rules that are on in every appliance. Of several that hold, the first one that trips is the one that is told. */
export const PACK: readonly PackRule[] = [
  rulesOn('mark').trip(
    'mark.drop',
    'An alert says airgap_action: drop.',
    'The mark an operator puts on his own alerts.',
    there(''),
  ),
  rulesOn('alert').trip(
    'mark.event',
    'A detector reports a destructive act of an agent.',
    'The type of event that is proposed to detectors of your own.',
    like('type', '^agent[.]destructive(?:[.]|$)'),
  ),
  ...AWS_RULES,
  ...AZURE_RULES,
  ...GCP_RULES,
  ...KUBERNETES_RULES,
  ...GIT_RULES,
  ...SQL_RULES,
  ...COMMAND_RULES,
  ...PLATFORM_RULES,
];
