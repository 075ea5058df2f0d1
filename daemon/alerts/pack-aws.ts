import { all, any, atMost, each, is, no, OURS, type PackRule, rulesOn, there, yes } from './pack-words.ts';

const { trip, rate, context } = rulesOn('aws');

/** A call of one of `names` to the service `service`, as in rds.amazonaws.com. */
const call = (service: string, ...names: readonly string[]) =>
  all(is('eventSource', `${service}.amazonaws.com`), is('eventName', ...names));

const DATABASE = ['DeleteDBInstance', 'DeleteDBCluster', 'DeleteGlobalCluster'];

/** Amazon Web Services, by the records of CloudTrail. */
export const AWS_RULES: readonly PackRule[] = [
  trip(
    'aws.rds.delete_nosnap',
    'A database of Amazon RDS is being deleted and its last snapshot or its automatic backups with it.',
    'panther-analysis AWS.RDS.InstanceDeletion',
    all(
      call('rds', ...DATABASE),
      any(yes('requestParameters.skipFinalSnapshot'), yes('requestParameters.deleteAutomatedBackups')),
    ),
  ),
  trip(
    'aws.rds.delete',
    'A database of Amazon RDS is being deleted.',
    'elastic/detection-rules 9055ece6; panther-analysis AWS.RDS.InstanceDeletion; sigma 457cc9ac',
    call('rds', ...DATABASE),
  ),
  trip(
    'aws.rds.snapshot',
    'A snapshot of an Amazon RDS database is being deleted.',
    'elastic/detection-rules b36c99af; panther-analysis AWS.RDS.SnapshotDeleted',
    call('rds', 'DeleteDBSnapshot', 'DeleteDBClusterSnapshot'),
  ),
  trip(
    'aws.rds.autobackup',
    'The automatic backups of an Amazon RDS database are being deleted.',
    'panther-analysis AWS.RDS.AutomatedBackupDeleted',
    call('rds', 'DeleteDBInstanceAutomatedBackup', 'DeleteDBClusterAutomatedBackup'),
  ),
  trip(
    'aws.rds.retention0',
    'The automatic backups of an Amazon RDS database are being switched off.',
    'elastic/detection-rules b36c99af',
    all(call('rds', 'ModifyDBInstance', 'ModifyDBCluster'), is('requestParameters.backupRetentionPeriod', 0, '0')),
  ),
  trip(
    'aws.rds.delprot',
    'The protection of an Amazon RDS database against deletion is being switched off.',
    'elastic/detection-rules f6652fb5; panther-analysis AWS.RDS.DeletionProtectionDisabled',
    all(call('rds', 'ModifyDBInstance', 'ModifyDBCluster'), no('requestParameters.deletionProtection')),
  ),
  trip('aws.ec2.volume', 'An Amazon EBS volume is being deleted.', OURS, call('ec2', 'DeleteVolume')),
  trip(
    'aws.ec2.snapshot',
    'A snapshot of an Amazon EBS volume, or a machine image, is being deleted.',
    OURS,
    call('ec2', 'DeleteSnapshot', 'DeregisterImage'),
  ),
  rate(
    'aws.ec2.terminate',
    'Amazon EC2 machines are being terminated.',
    'panther-analysis AWS.ModifyCloudComputeInfrastructure',
    call('ec2', 'TerminateInstances'),
  ),
  trip(
    'aws.s3.bucket',
    'An Amazon S3 bucket is being deleted.',
    'sigma 39c9f26d; panther-analysis AWS.S3.BucketDeleted',
    call('s3', 'DeleteBucket'),
  ),
  trip(
    'aws.s3.batch',
    'Many Amazon S3 objects are being deleted by one call.',
    'panther-analysis AWS.S3.DeleteObjects',
    call('s3', 'DeleteObjects'),
  ),
  rate(
    'aws.s3.objects',
    'Amazon S3 objects are being deleted.',
    'panther-analysis AWS.S3.DeleteObject',
    call('s3', 'DeleteObject', 'DeleteObjectVersion'),
    { rate: { count: 50, within: '1h' } },
  ),
  trip(
    'aws.s3.lifecycle',
    'What is in an Amazon S3 bucket is told to expire within a week.',
    'elastic/detection-rules ff320c56; panther-analysis AWS.CloudTrail.ShortLifecycle; versions that expire: ours',
    all(
      call('s3', 'PutBucketLifecycle', 'PutBucketLifecycleConfiguration'),
      each(
        'requestParameters.LifecycleConfiguration.Rule',
        all(
          is('Status', 'Enabled'),
          any(
            atMost('Expiration.Days', 7),
            there('Expiration.Date'),
            atMost('NoncurrentVersionExpiration.NoncurrentDays', 7),
          ),
        ),
      ),
    ),
  ),
  trip(
    'aws.s3.versioning',
    'The versions of an Amazon S3 bucket are being switched off.',
    'elastic/detection-rules 30b5bb96; sigma a136ac98; panther-analysis AWS.S3.SuspendVersioning',
    all(
      call('s3', 'PutBucketVersioning'),
      is('requestParameters.VersioningConfiguration.Status', 'Suspended', 'Disabled'),
    ),
  ),
  trip(
    'aws.s3.mfadelete',
    'An Amazon S3 bucket no longer asks for a second factor before versions are deleted.',
    'panther-analysis AWS.S3.DisableMfaDelete',
    all(call('s3', 'PutBucketVersioning'), is('requestParameters.VersioningConfiguration.MfaDelete', 'Disabled')),
  ),
  trip(
    'aws.s3.replication',
    'The replication of an Amazon S3 bucket is being deleted.',
    'elastic/detection-rules 227dc608; panther-analysis AWS.S3.DeleteBucketReplication',
    call('s3', 'DeleteBucketReplication'),
  ),
  context(
    'aws.s3.cfg',
    'Settings of an Amazon S3 bucket are being deleted.',
    'elastic/detection-rules 227dc608',
    call('s3', 'DeleteBucketLifecycle', 'DeleteBucketPolicy', 'DeleteBucketEncryption'),
  ),
  rate(
    'aws.s3.ssec',
    'Amazon S3 objects are being written over with a key that only the caller has.',
    'elastic/detection-rules 909bf7c8',
    all(
      call('s3', 'PutObject', 'CopyObject'),
      is('requestParameters.x-amz-server-side-encryption-customer-algorithm', 'AES256'),
    ),
    { rate: { count: 20, within: '10m', per: ['requestParameters', 'bucketName'] } },
  ),
  trip(
    'aws.kms.delete',
    'An AWS KMS key is being deleted or switched off, and with it all that it encrypts.',
    'elastic/detection-rules 6951f15e; panther-analysis AWS.KMS.CustomerManagedKeyLoss',
    call('kms', 'ScheduleKeyDeletion', 'DisableKey'),
  ),
  trip(
    'aws.kms.material',
    'The imported material of an AWS KMS key is being deleted.',
    'elastic/detection-rules f6fee40d',
    call('kms', 'DeleteImportedKeyMaterial'),
  ),
  trip(
    'aws.backup.rp',
    'A recovery point of AWS Backup is being deleted.',
    'elastic/detection-rules 042b35f3',
    call('backup', 'DeleteRecoveryPoint'),
  ),
  trip(
    'aws.backup.vault',
    'A vault of AWS Backup, or its lock, is being deleted.',
    'elastic/detection-rules 4ddac6c1; the access policy: ours',
    call('backup', 'DeleteBackupVault', 'DeleteBackupVaultLockConfiguration', 'DeleteBackupVaultAccessPolicy'),
  ),
  trip(
    'aws.backup.plan',
    'Backups of AWS Backup are being stopped.',
    OURS,
    call('backup', 'DeleteBackupPlan', 'DeleteBackupSelection', 'StopBackupJob'),
  ),
  trip(
    'aws.efs',
    'A file system of Amazon EFS is being deleted.',
    'elastic/detection-rules 536997f7; sigma 25cb1ba1',
    call('elasticfilesystem', 'DeleteFileSystem'),
  ),
  trip(
    'aws.ddb',
    'An Amazon DynamoDB table or its backups are being deleted.',
    OURS,
    any(
      call('dynamodb', 'DeleteTable', 'DeleteBackup'),
      all(
        call('dynamodb', 'UpdateContinuousBackups'),
        no('requestParameters.pointInTimeRecoverySpecification.pointInTimeRecoveryEnabled'),
      ),
    ),
  ),
  trip('aws.eks', 'A cluster of Amazon EKS is being deleted.', 'sigma 33d50d03', call('eks', 'DeleteCluster')),
  trip(
    'aws.cfn',
    'A stack of AWS CloudFormation is being deleted with all that belongs to it.',
    OURS,
    call('cloudformation', 'DeleteStack', 'DeleteStackSet', 'DeleteStackInstances'),
  ),
  trip(
    'aws.stores',
    'A store of data in AWS, or its backup, is being deleted.',
    OURS,
    any(
      call('redshift', 'DeleteCluster', 'DeleteClusterSnapshot', 'BatchDeleteClusterSnapshots'),
      call('redshift-serverless', 'DeleteNamespace', 'DeleteSnapshot'),
      call('elasticache', 'DeleteReplicationGroup', 'DeleteCacheCluster', 'DeleteSnapshot'),
      call('memorydb', 'DeleteCluster', 'DeleteSnapshot'),
      call('fsx', 'DeleteFileSystem', 'DeleteVolume', 'DeleteBackup', 'DeleteStorageVirtualMachine'),
      call('es', 'DeleteDomain', 'DeleteElasticsearchDomain'),
      call('docdb-elastic', 'DeleteCluster', 'DeleteClusterSnapshot'),
      call('timestream', 'DeleteDatabase', 'DeleteTable'),
      call('cassandra', 'DropKeyspace', 'DropTable', 'DeleteKeyspace', 'DeleteTable'),
      call('glacier', 'DeleteVault', 'DeleteArchive'),
      call('kinesis', 'DeleteStream'),
      call('kafka', 'DeleteCluster'),
      call('ecr', 'DeleteRepository'),
      call('lightsail', 'DeleteRelationalDatabase', 'DeleteDisk', 'DeleteBucket'),
      call('route53', 'DeleteHostedZone'),
      call('dlm', 'DeleteLifecyclePolicy'),
    ),
  ),
  trip(
    'aws.secret',
    'A secret of AWS Secrets Manager is being deleted at once, without the time in which it could be brought back.',
    OURS,
    all(call('secretsmanager', 'DeleteSecret'), yes('requestParameters.forceDeleteWithoutRecovery')),
  ),
  trip(
    'aws.logs',
    'Logs in AWS are being deleted or switched off: what comes next would not be seen.',
    'elastic/detection-rules 68a7a5a5, 7024e2a0; GuardDuty and Config: ours',
    any(
      call('logs', 'DeleteLogGroup'),
      call('cloudtrail', 'DeleteTrail', 'StopLogging', 'DeleteEventDataStore'),
      call('guardduty', 'DeleteDetector'),
      call('config', 'DeleteConfigurationRecorder', 'StopConfigurationRecorder', 'DeleteDeliveryChannel'),
    ),
  ),
  trip(
    'aws.eventbridge',
    'What brings alerts from AWS to this appliance, or to others, is being cut.',
    'elastic/detection-rules impact_aws_eventbridge_rule_disabled_or_deleted; the rest: ours',
    any(
      call('events', 'DeleteRule', 'DisableRule', 'RemoveTargets', 'DeleteApiDestination', 'DeauthorizeConnection'),
      call('sns', 'Unsubscribe', 'DeleteTopic'),
    ),
  ),
  trip(
    'aws.account',
    'An AWS account is being closed, or leaves its organization.',
    'elastic/detection-rules c45844ce; panther-analysis attempt_to_leave_org',
    any(call('organizations', 'CloseAccount', 'LeaveOrganization'), call('account', 'CloseAccount')),
  ),
  trip(
    'aws.bedrock.key',
    'A key made for Amazon Bedrock is being used to delete.',
    'elastic/detection-rules 89b68231',
    all(
      yes('additionalEventData.callWithBearerToken'),
      call(
        'bedrock',
        'DeleteGuardrail',
        'DeleteCustomModel',
        'DeleteImportedModel',
        'DeleteProvisionedModelThroughput',
        'DeleteModelInvocationLoggingConfiguration',
        'DeleteKnowledgeBase',
        'DeleteDataSource',
        'DeleteAgent',
      ),
    ),
  ),
];
