import { all, is, type PackRule } from './pack-words.ts';

/** Amazon Web Services, by the records of CloudTrail. */
export const AWS_RULES: readonly PackRule[] = [
  {
    id: 'aws.rds.delete',
    on: 'aws',
    reason: 'A database of Amazon RDS is being deleted.',
    source: 'elastic/detection-rules 9055ece6; panther-analysis AWS.RDS.InstanceDeletion; sigma 457cc9ac',
    when: all(
      is('eventSource', 'rds.amazonaws.com'),
      is('eventName', 'DeleteDBInstance', 'DeleteDBCluster', 'DeleteGlobalCluster'),
    ),
    act: 'trip',
  },
];
