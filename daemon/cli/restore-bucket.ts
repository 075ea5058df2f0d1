import { PortcullisError } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import { objectsOf } from '../restore/bucket.ts';
import { inRestore } from '../sources/failure.ts';
import { PatientBucket } from '../sources/s3-client.ts';
import { type ObjectReport, restoreObjects } from '../sources/s3-restore.ts';
import type { Arguments, Command, Context } from './command.ts';
import { chosen, nameOf, openGiven, VAULT_OPTIONS } from './vault-access.ts';

export const restoreBucketCommand: Command = {
  name: 'restore-bucket',
  about:
    'Put the objects of a bucket back into a bucket, with their headers, metadata and tags. Without --apply it looks and says what it would do.',
  positionals: ['[SNAPSHOT]'],
  options: {
    ...VAULT_OPTIONS,
    at: { type: 'string', value: 'TIME', about: 'The newest snapshot at or before this time, instead of SNAPSHOT.' },
    source: { type: 'string', short: 's', value: 'NAME', about: 'Of this source.' },
    endpoint: {
      type: 'string',
      value: 'URL',
      about: 'Where the bucket is. Its key from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Required.',
    },
    bucket: { type: 'string', value: 'NAME', about: 'The bucket, which must exist. Required.' },
    region: { type: 'string', value: 'NAME', about: 'Its region. Default: us-east-1.' },
    'virtual-host': {
      type: 'boolean',
      about: "The bucket's name is part of the host's, as at AWS. Default: of the path.",
    },
    prefix: { type: 'string', value: 'TEXT', about: 'Only objects whose keys begin with this.' },
    apply: { type: 'boolean', about: 'Do it.' },
    overwrite: { type: 'boolean', about: 'Also where another object has the key.' },
  },
  examples: [
    'portcullis restore-bucket --source photos --endpoint https://s3.eu-central-1.amazonaws.com --region eu-central-1 --virtual-host --bucket photos-again --key recovery.key',
    'portcullis restore-bucket 12 --endpoint http://127.0.0.1:9000 --bucket scratch --prefix 2026/ --apply --store /mnt/vault --key recovery.key',
  ],
  async run(args, context) {
    const access = accessOf(args, context);
    const vault = await openGiven(args, context);
    const snapshot = await chosen(vault, args, context);
    if (snapshot.source !== undefined && snapshot.source.kind !== 's3')
      throw new PortcullisError(
        'usage.wrong',
        `${nameOf(snapshot)} is no bucket (${snapshot.source.kind}): \`portcullis restore\` restores it.`,
      );
    const { clock, interrupted: signal } = context;
    const bucket = new PatientBucket(access, { subject: `Bucket ${access.bucket}`, clock, signal });
    const counts: Record<ObjectReport['fate']['kind'], number> = { made: 0, same: 0, tagged: 0, other: 0, failed: 0 };
    const apply = args.flag('apply');
    try {
      const objects = objectsOf(vault, snapshot, args.text('prefix') ?? '', signal);
      for await (const report of restoreObjects(bucket, objects, { apply, overwrite: args.flag('overwrite') })) {
        counts[report.fate.kind] += 1;
        tell(report, apply, args, context);
      }
    } catch (error) {
      throw inRestore(error);
    } finally {
      bucket.close();
    }
    const { made, same, tagged, other, failed } = counts;
    if (args.json)
      context.out(
        `${JSON.stringify({ seq: snapshot.seq, time: snapshot.time, source: nameOf(snapshot), applied: apply, ...counts })}\n`,
      );
    else {
      const did = apply ? 'Put' : 'Would put';
      context.out(
        `${did} ${made} objects of ${nameOf(snapshot)} as of ${snapshot.time} into ${access.bucket}; ${tagged} lacked tags, ${same} were there, ${other} keys are another object's, ${failed} failed.\n`,
      );
      if (!apply) context.out('Nothing was written. With --apply it is.\n');
    }
    if (failed > 0 || other > 0)
      throw new PortcullisError(
        'restore.partial',
        `${failed + other} objects are not in ${access.bucket} as the snapshot has them.`,
      );
    return 0;
  },
};

/** What a person has to know of one object; with --json every one, a line each. */
function tell({ key, fate, missing }: ObjectReport, apply: boolean, args: Arguments, context: Context): void {
  if (args.json) context.out(`${JSON.stringify({ key, fate, missing })}\n`);
  else if (fate.kind === 'failed') context.err(`NOT RESTORED ${JSON.stringify(key)}: ${fate.why}`);
  else if (fate.kind === 'other') context.err(`LEFT ALONE ${JSON.stringify(key)}: ${fate.why}`);
  else if (apply && fate.kind === 'made' && missing.length > 0)
    context.err(`NOTE ${JSON.stringify(key)}: without ${missing.join(', ')}`);
}

function accessOf(args: Arguments, { env }: Context) {
  const [endpoint, bucket] = [args.text('endpoint'), args.text('bucket')];
  if (endpoint === undefined || bucket === undefined || !/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint))
    throw new PortcullisError('usage.wrong', 'restore-bucket needs --endpoint URL and --bucket NAME.');
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token } = env;
  if (id === undefined || secret === undefined)
    throw new PortcullisError(
      'usage.wrong',
      'The key of the bucket is read from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, which are not set.',
    );
  return {
    endpoint,
    bucket,
    region: args.text('region') ?? 'us-east-1',
    forcePathStyle: !args.flag('virtual-host'),
    accessKeyId: Secret.fromText(id),
    secretAccessKey: Secret.fromText(secret),
    ...(token === undefined ? {} : { sessionToken: Secret.fromText(token) }),
  };
}
