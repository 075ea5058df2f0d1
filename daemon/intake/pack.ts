import { AWS_RULES } from './pack-aws.ts';
import type { PackRule } from './pack-words.ts';

/** Goes up with every change of the rules below. */
export const PACK_VERSION = 1;

/** The rules that are on in every appliance. */
export const PACK: readonly PackRule[] = [
  {
    id: 'mark.drop',
    on: 'mark',
    reason: 'An alert says airgap_action: drop.',
    source: 'The mark an operator puts on his own alerts.',
    when: { path: [], op: 'exists' },
    act: 'trip',
  },
  ...AWS_RULES,
];
