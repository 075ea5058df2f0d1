import type { Secret } from '../base/secret.ts';
import type { Preset } from './database.ts';
import { etcdPreset } from './etcd.ts';
import { mariadbPreset } from './mariadb.ts';
import { mongodbPreset } from './mongodb.ts';
import { postgresqlPreset } from './postgresql.ts';
import { redisPreset } from './redis.ts';
import { sqlitePreset } from './sqlite.ts';

interface Common {
  readonly name: string;
  /** For example `6h`: a dump that takes longer is killed. */
  readonly timeout: string;
  /** Folder of the database's programs. */
  readonly tools?: string | undefined;
}

interface Access<S> {
  readonly host: string;
  readonly port: number;
  readonly password?: S | undefined;
  readonly ca?: string | undefined;
}

/** A database as the configuration describes it. */
export type DatabaseSettings<S = Secret> =
  | (Common &
      Access<S> & {
        readonly kind: 'postgresql';
        readonly user: string;
        readonly databases: readonly string[];
        readonly maintenance: string;
        readonly accounts: boolean;
      })
  | (Common &
      Access<S> & {
        readonly kind: 'mariadb' | 'mysql';
        readonly user: string;
        readonly databases: readonly string[];
        readonly accounts: boolean;
      })
  | (Common &
      Access<S> & {
        readonly kind: 'mongodb';
        readonly user?: string | undefined;
        readonly databases: readonly string[];
        readonly authDatabase: string;
        readonly replicaSet?: string | undefined;
      })
  | (Common & Access<S> & { readonly kind: 'redis'; readonly user?: string | undefined })
  | (Common & {
      readonly kind: 'etcd';
      readonly endpoint: string;
      readonly user?: string | undefined;
      readonly password?: S | undefined;
      readonly ca?: string | undefined;
      readonly certificate?: string | undefined;
      readonly key?: string | undefined;
    })
  | (Omit<Common, 'tools'> & { readonly kind: 'sqlite'; readonly path: string });

export type DatabaseKind = DatabaseSettings['kind'];

/** Port of a database that is restored into a running server, by its maker's choice; undefined for one that is restored to a path. */
const PORTS: Readonly<Record<DatabaseKind, number | undefined>> = {
  postgresql: 5432,
  mariadb: 3306,
  mysql: 3306,
  mongodb: 27_017,
  redis: undefined,
  etcd: undefined,
  sqlite: undefined,
};

export const DATABASE_KINDS = Object.keys(PORTS) as readonly DatabaseKind[];

export function defaultPort(kind: DatabaseKind): number | undefined {
  return PORTS[kind];
}

/** What dumps a database of this kind. */
export function presetOf(settings: DatabaseSettings): Preset {
  switch (settings.kind) {
    case 'postgresql':
      return postgresqlPreset(settings);
    case 'mariadb':
    case 'mysql':
      return mariadbPreset(settings);
    case 'mongodb':
      return mongodbPreset(settings);
    case 'redis':
      return redisPreset(settings);
    case 'etcd':
      return etcdPreset(settings);
    case 'sqlite':
      return sqlitePreset(settings);
    default:
      return settings satisfies never;
  }
}
