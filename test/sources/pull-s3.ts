/** Lists the bucket photos at ENDPOINT into WORKDIR, ITEMS a file: a process for a test to kill. */
import { systemClock } from '../../daemon/base/clock.ts';
import { Secret } from '../../daemon/base/secret.ts';
import { PatientBucket } from '../../daemon/sources/s3-client.ts';
import { listBucket } from '../../daemon/sources/s3-listing.ts';

const [endpoint = '', workdir = '', items = ''] = process.argv.slice(2);
const bucket = new PatientBucket(
  {
    endpoint,
    region: 'us-east-1',
    bucket: 'photos',
    forcePathStyle: true,
    accessKeyId: Secret.fromText('READER'),
    secretAccessKey: Secret.fromText('TELLTALE-secret-access-key'),
  },
  { subject: 'Source sample', clock: systemClock, signal: new AbortController().signal },
);
const options = { prefix: '', versions: 'current', include: [], exclude: [] } as const;
await listBucket(bucket, options, `${workdir}/listing`, () => {}, Number(items));
