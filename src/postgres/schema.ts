import { randomBytes } from 'node:crypto';
import { EngineRefusal } from './refusal.ts';
import type { Answer, Query } from './session.ts';

/** Of the tables, one more with each change of them. */
export const SCHEMA_VERSION = 3;
/** The one before, whose tables can be made those of this one. */
const UPGRADED = SCHEMA_VERSION - 1;
const SHARDS_MAX = 1_024;
const NAME = /^[a-z][a-z0-9_]{0,47}$/;

/** What the tables say of the cluster whose they are. */
export interface ClusterRow {
  readonly name: string;
  readonly shards: number;
  /** In all frames; and what topics are spread over the shards by. */
  readonly salt: Uint8Array;
  /** How topics are spread, as in a data directory. */
  readonly topicHash: number;
}
export type NewCluster = Pick<ClusterRow, 'name' | 'shards'> & Partial<Pick<ClusterRow, 'salt' | 'topicHash'>>;
export type Ask = (query: Query) => Promise<Answer>;

/** @throws EngineRefusal */
export function checkName(what: string, name: string): string {
  if (!NAME.test(name)) throw new EngineRefusal(`${what}: 1 to 48 of a-z, 0-9 and _, a letter first`);
  return name;
}

/** How far quotas are used in their windows that run. */
const quotaTable = (schema: string): string => `
CREATE TABLE ${schema}.quota (
  name text PRIMARY KEY, taken bigint NOT NULL, given bigint NOT NULL, ends timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX ON ${schema}.quota (ends);
`;

const tables = (schema: string): string => `
CREATE SCHEMA IF NOT EXISTS ${schema};
CREATE TABLE ${schema}.cluster (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  version int NOT NULL, name text NOT NULL, shards int NOT NULL, salt bytea NOT NULL, topic_hash int NOT NULL
);
CREATE TABLE ${schema}.frame (
  shard int NOT NULL, seq bigint NOT NULL, hash bytea NOT NULL, body bytea NOT NULL, PRIMARY KEY (shard, seq)
);
ALTER TABLE ${schema}.frame ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE TABLE ${schema}.snapshot (
  shard int NOT NULL, maker text NOT NULL, seq bigint NOT NULL, pieces int NOT NULL, bytes bigint NOT NULL,
  PRIMARY KEY (shard, maker)
);
CREATE TABLE ${schema}.piece (
  shard int NOT NULL, maker text NOT NULL, number int NOT NULL, seq bigint NOT NULL, body bytea NOT NULL,
  PRIMARY KEY (shard, maker, number)
);
ALTER TABLE ${schema}.piece ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE TABLE ${schema}.lease (
  shard int PRIMARY KEY, owner text NOT NULL, until timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE ${schema}.node (
  name text PRIMARY KEY, log int UNIQUE NOT NULL, owner text NOT NULL, url text NOT NULL, version text NOT NULL,
  seen timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE ${schema}.revocation (
  number bigint PRIMARY KEY, kind text NOT NULL, value text NOT NULL, UNIQUE (kind, value)
);
${quotaTable(schema)}`;

/** Makes the tables of a cluster, all or none. @throws Error where there are any already */
export async function createTables(ask: Ask, schema: string, cluster: NewCluster): Promise<void> {
  const { name, shards, salt = randomBytes(16), topicHash = 1 } = cluster;
  checkName('schema', schema);
  checkName('cluster', name);
  if (!Number.isInteger(shards) || shards < 1 || shards > SHARDS_MAX)
    throw new EngineRefusal(`shards: 1 to ${SHARDS_MAX}`);
  const { rows } = await ask({ text: 'SELECT to_regclass($1) AS there', values: [`${schema}.cluster`] });
  if (rows[0]?.['there'] !== null) throw new EngineRefusal(`schema: ${schema} has the tables of a cluster already`);
  const hex = Buffer.from(salt).toString('hex');
  const row = `INSERT INTO ${schema}.cluster (version, name, shards, salt, topic_hash) VALUES
    (${SCHEMA_VERSION}, '${name}', ${shards}, '\\x${hex}', ${topicHash === 0 ? 0 : 1})`;
  await ask({ text: `BEGIN; SET LOCAL client_min_messages = warning; ${tables(schema)} ${row}; COMMIT` });
}

/** Whose the tables are; in words why they are not ours. */
export async function readCluster(ask: Ask, schema: string, name: string): Promise<ClusterRow | string> {
  const { rows } = await ask({ text: `SELECT version, name, shards, salt, topic_hash FROM ${schema}.cluster` });
  const [row] = rows as { version: number; name: string; shards: number; salt: Uint8Array; topic_hash: number }[];
  if (row === undefined) return 'the tables of a mailbox are there, and say nothing of their cluster';
  if (row.version !== SCHEMA_VERSION)
    return `the tables are of version ${row.version}, and this program knows ${SCHEMA_VERSION}${row.version === UPGRADED ? ': mailbox cluster upgrade' : ''}`;
  if (row.name !== name) return `the tables are those of cluster ${row.name}, not of ${name}`;
  return { name: row.name, shards: row.shards, salt: new Uint8Array(row.salt), topicHash: row.topic_hash };
}

/** Makes the tables of the version before those of this one, all or none; false where they are already. @throws EngineRefusal where they are others */
export async function upgradeTables(ask: Ask, schema: string, name: string): Promise<boolean> {
  const read = await readCluster(ask, schema, name);
  if (typeof read !== 'string') return false;
  if (!read.endsWith('mailbox cluster upgrade')) throw new EngineRefusal(read, true);
  const { rows } = await ask({ text: `SELECT name FROM ${schema}.cluster` });
  if (rows[0]?.['name'] !== name)
    throw new EngineRefusal(`the tables are those of cluster ${rows[0]?.['name']}, not of ${name}`, true);
  const version = `UPDATE ${schema}.cluster SET version = ${SCHEMA_VERSION} WHERE version = ${UPGRADED}`;
  await ask({ text: `BEGIN; SET LOCAL client_min_messages = warning; ${version}; ${quotaTable(schema)} COMMIT` });
  return true;
}
