import type { Tools } from './database-tools.ts';
import type { DumpFile, RestoredDatabases } from './dump-file.ts';
import { type MongodbServer, mongoAccess, mongoPassword } from './mongodb.ts';

/** Each archive as `mongorestore` takes it, with what its oplog has. A document that is there already is an error. */
export async function restoreMongodb(
  tools: Tools,
  files: readonly DumpFile[],
  server: MongodbServer,
): Promise<RestoredDatabases> {
  const restored: string[] = [];
  for (const file of files) {
    await tools.text([tools.program('mongorestore'), ...mongoAccess(server), '--archive', '--stopOnError'], {
      ...mongoPassword(server),
      input: file.open(),
    });
    restored.push(file.path);
  }
  return {
    restored,
    notes: [
      'An archive with an oplog is of one moment only after `mongorestore --oplogReplay`: see docs/sources-databases.md.',
    ],
  };
}
