import type { Fixtures } from './fixtures.ts';

/** A record of CloudTrail. */
const call = (service: string, eventName: string, requestParameters: object = {}, more: object = {}) => ({
  eventVersion: '1.08',
  userIdentity: { type: 'IAMUser', arn: 'arn:aws:iam::123456789012:user/contractor' },
  eventTime: '2026-04-25T14:30:00Z',
  eventSource: `${service}.amazonaws.com`,
  eventName,
  awsRegion: 'us-west-2',
  userAgent: 'Boto3/1.26.0',
  requestParameters,
  ...more,
});
const eventBridge = (detail: { eventSource: string }) => ({
  'detail-type': 'AWS API Call via CloudTrail',
  source: detail.eventSource.replace('.amazonaws.com', '').replace(/^/, 'aws.'),
  detail,
});
const sns = (message: object) => ({ Type: 'Notification', Message: JSON.stringify(message) });
/** Flat and all text, as a row of Splunk. */
const splunk = (record: ReturnType<typeof call>) => ({
  search_name: 'x',
  result: {
    eventSource: record.eventSource,
    eventName: record.eventName,
    ...Object.fromEntries(
      Object.entries(record.requestParameters).map(([k, v]) => [`requestParameters.${k}`, String(v)]),
    ),
  },
});
const lifecycle = (...rules: object[]) =>
  call('s3', 'PutBucketLifecycle', {
    bucketName: 'b',
    LifecycleConfiguration: { Rule: rules.length === 1 ? rules[0] : rules },
  });
const SSEC = { bucketName: 'b', 'x-amz-server-side-encryption-customer-algorithm': 'AES256' };
const database = { dBInstanceIdentifier: 'customers', skipFinalSnapshot: false };

export const AWS: Fixtures = {
  'aws.rds.delete': {
    trips: [
      call('rds', 'DeleteDBInstance', database),
      eventBridge(call('rds', 'DeleteDBCluster')),
      sns(eventBridge(call('rds', 'DeleteGlobalCluster'))),
      splunk(call('rds', 'DeleteDBInstance', database)),
    ],
    passes: [
      call('rds', 'DescribeDBInstances'),
      call('evil', 'DeleteDBInstance'),
      call('rds', 'DeleteDBParameterGroup'),
    ],
  },
  'aws.rds.delete_nosnap': {
    trips: [
      call('rds', 'DeleteDBInstance', { ...database, skipFinalSnapshot: true }),
      splunk(call('rds', 'DeleteDBInstance', { ...database, deleteAutomatedBackups: true })),
    ],
    passes: [call('rds', 'DeleteDBInstance', database)],
  },
  'aws.rds.snapshot': {
    trips: [call('rds', 'DeleteDBSnapshot'), call('rds', 'DeleteDBClusterSnapshot')],
    passes: [call('rds', 'CreateDBSnapshot')],
  },
  'aws.rds.autobackup': {
    trips: [call('rds', 'DeleteDBInstanceAutomatedBackup'), call('rds', 'DeleteDBClusterAutomatedBackup')],
    passes: [call('rds', 'DescribeDBInstanceAutomatedBackups')],
  },
  'aws.rds.retention0': {
    trips: [
      call('rds', 'ModifyDBInstance', { backupRetentionPeriod: 0 }),
      splunk(call('rds', 'ModifyDBInstance', { backupRetentionPeriod: 0 })),
    ],
    passes: [call('rds', 'ModifyDBInstance', { backupRetentionPeriod: 7 }), call('rds', 'ModifyDBInstance')],
  },
  'aws.rds.delprot': {
    trips: [call('rds', 'ModifyDBCluster', { deletionProtection: false })],
    passes: [call('rds', 'ModifyDBCluster', { deletionProtection: true }), call('rds', 'ModifyDBInstance')],
  },
  'aws.ec2.volume': {
    trips: [call('ec2', 'DeleteVolume', { volumeId: 'vol-1' })],
    passes: [call('ec2', 'DetachVolume')],
  },
  'aws.ec2.snapshot': {
    trips: [call('ec2', 'DeleteSnapshot'), call('ec2', 'DeregisterImage')],
    passes: [call('ec2', 'CreateSnapshot')],
  },
  'aws.ec2.terminate': { trips: [call('ec2', 'TerminateInstances')], passes: [call('ec2', 'StopInstances')] },
  'aws.s3.bucket': { trips: [call('s3', 'DeleteBucket')], passes: [call('s3', 'DeleteBucketTagging')] },
  'aws.s3.batch': { trips: [call('s3', 'DeleteObjects')], passes: [call('s3', 'DeleteObject')] },
  'aws.s3.objects': {
    trips: [call('s3', 'DeleteObject'), call('s3', 'DeleteObjectVersion')],
    passes: [call('s3', 'GetObject')],
  },
  'aws.s3.lifecycle': {
    trips: [
      lifecycle({ Status: 'Enabled', Expiration: { Days: 1 }, Filter: { Prefix: '*' } }),
      lifecycle({ Status: 'Disabled', Expiration: { Days: 1 } }, { Status: 'Enabled', Expiration: { Days: '7' } }),
      lifecycle({ Status: 'Enabled', NoncurrentVersionExpiration: { NoncurrentDays: 1 } }),
      lifecycle({ Status: 'Enabled', Expiration: { Date: '2020-01-01T00:00:00Z' } }),
    ],
    passes: [
      lifecycle({ Status: 'Disabled', Expiration: { Days: 1 } }),
      lifecycle({ Status: 'Enabled', Expiration: { Days: 365 } }),
      lifecycle({ Status: 'Enabled', Transition: { Days: 1 } }),
      // Not of one rule together.
      lifecycle({ Status: 'Enabled', Expiration: { Days: 90 } }, { Status: 'Disabled', Expiration: { Days: 1 } }),
    ],
  },
  'aws.s3.versioning': {
    trips: [call('s3', 'PutBucketVersioning', { VersioningConfiguration: { Status: 'Suspended' } })],
    passes: [call('s3', 'PutBucketVersioning', { VersioningConfiguration: { Status: 'Enabled' } })],
  },
  'aws.s3.mfadelete': {
    trips: [
      call('s3', 'PutBucketVersioning', { VersioningConfiguration: { Status: 'Enabled', MfaDelete: 'Disabled' } }),
    ],
    passes: [call('s3', 'PutBucketVersioning', { VersioningConfiguration: { MfaDelete: 'Enabled' } })],
  },
  'aws.s3.replication': {
    trips: [call('s3', 'DeleteBucketReplication')],
    passes: [call('s3', 'PutBucketReplication')],
  },
  'aws.s3.cfg': { trips: [call('s3', 'DeleteBucketPolicy')], passes: [call('s3', 'GetBucketPolicy')] },
  'aws.s3.ssec': {
    trips: [call('s3', 'CopyObject', SSEC), call('s3', 'PutObject', SSEC)],
    passes: [call('s3', 'PutObject', { bucketName: 'b', 'x-amz-server-side-encryption': 'AES256' })],
  },
  'aws.kms.delete': {
    trips: [call('kms', 'ScheduleKeyDeletion'), call('kms', 'DisableKey')],
    passes: [call('kms', 'CancelKeyDeletion'), call('kms', 'Decrypt')],
  },
  'aws.kms.material': {
    trips: [call('kms', 'DeleteImportedKeyMaterial')],
    passes: [call('kms', 'ImportKeyMaterial')],
  },
  'aws.backup.rp': {
    trips: [call('backup', 'DeleteRecoveryPoint')],
    passes: [
      call('backup', 'StartBackupJob'),
      // One that expired by plan.
      call('backup', 'DeleteRecoveryPoint', {}, { userIdentity: { type: 'AWSService' } }),
      call('backup', 'DeleteRecoveryPoint', {}, { sourceIPAddress: 'backup.amazonaws.com' }),
    ],
  },
  'aws.backup.vault': {
    trips: [call('backup', 'DeleteBackupVault'), call('backup', 'DeleteBackupVaultLockConfiguration')],
    passes: [call('backup', 'CreateBackupVault')],
  },
  'aws.backup.plan': {
    trips: [call('backup', 'DeleteBackupPlan'), call('backup', 'StopBackupJob')],
    passes: [call('backup', 'UpdateBackupPlan')],
  },
  'aws.efs': {
    trips: [call('elasticfilesystem', 'DeleteFileSystem')],
    passes: [call('elasticfilesystem', 'DeleteMountTarget')],
  },
  'aws.ddb': {
    trips: [
      call('dynamodb', 'DeleteTable'),
      call('dynamodb', 'UpdateContinuousBackups', {
        pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: false },
      }),
    ],
    passes: [
      call('dynamodb', 'DeleteItem'),
      call('dynamodb', 'UpdateContinuousBackups', {
        pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      }),
    ],
  },
  'aws.eks': {
    trips: [call('eks', 'DeleteCluster')],
    passes: [call('eks', 'DeleteAddon'), call('ecs', 'DeleteCluster')],
  },
  'aws.cfn': { trips: [call('cloudformation', 'DeleteStack')], passes: [call('cloudformation', 'UpdateStack')] },
  'aws.stores': {
    trips: [
      call('redshift', 'DeleteCluster'),
      call('fsx', 'DeleteFileSystem'),
      call('elasticache', 'DeleteReplicationGroup'),
      call('route53', 'DeleteHostedZone'),
    ],
    passes: [call('redshift', 'PauseCluster'), call('es', 'DeleteCluster')],
  },
  'aws.secret': {
    trips: [call('secretsmanager', 'DeleteSecret', { forceDeleteWithoutRecovery: true })],
    passes: [call('secretsmanager', 'DeleteSecret', { recoveryWindowInDays: 30 })],
  },
  'aws.logs': {
    trips: [call('logs', 'DeleteLogGroup'), call('cloudtrail', 'StopLogging'), call('guardduty', 'DeleteDetector')],
    passes: [call('logs', 'DeleteLogStream'), call('cloudtrail', 'StartLogging')],
  },
  'aws.eventbridge': {
    trips: [call('events', 'RemoveTargets'), call('sns', 'Unsubscribe')],
    passes: [call('events', 'PutTargets'), call('sns', 'Subscribe'), call('sqs', 'DeleteTopic')],
  },
  'aws.account': {
    trips: [call('organizations', 'CloseAccount'), call('organizations', 'LeaveOrganization')],
    passes: [call('organizations', 'DescribeAccount')],
  },
  'aws.bedrock.key': {
    trips: [call('bedrock', 'DeleteGuardrail', {}, { additionalEventData: { callWithBearerToken: true } })],
    passes: [
      call('bedrock', 'DeleteGuardrail'),
      call('bedrock', 'InvokeModel', {}, { additionalEventData: { callWithBearerToken: true } }),
    ],
  },
};
