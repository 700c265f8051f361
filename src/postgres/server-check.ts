import { Client, type ClientConfig } from 'pg';
import type { EnginePromise } from '../ports/engine.ts';
import { type Answer, innerOf, type Query } from './session.ts';

const VERSION_MIN = 130_000;
/** How long a note to oneself may take: one that comes at all comes in a few. */
const NOTE_MS = 1_000;

export const PROMISE: Query = {
  name: 'promise',
  text: `SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system,
    ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int AS timeline,
    btrim(current_setting('synchronous_standby_names')) <> '' AS replicated`,
};

export function promiseIn({ rows }: Answer): EnginePromise {
  const [row] = rows as { system: string; timeline: number; replicated: boolean }[];
  if (row === undefined) throw new Error('promise: no row');
  return { system: row.system, timeline: row.timeline, isReplicated: row.replicated };
}

/** What a server must be: a primary that keeps what it says it keeps. Null, or what is wrong with it. */
export async function whatIsWrong(ask: (query: Query) => Promise<Answer>): Promise<string | null> {
  const { rows } = await ask({
    text: `SELECT pg_is_in_recovery() AS standby, current_setting('server_version_num')::int AS version,
      current_setting('fsync') AS fsync, current_setting('full_page_writes') AS pages,
      current_setting('transaction_read_only') AS readonly`,
  });
  const [row] = rows as { standby: boolean; version: number; fsync: string; pages: string; readonly: string }[];
  if (row === undefined) return 'it says nothing of itself';
  if (row.standby) return 'it is a standby, not the primary';
  if (row.version < VERSION_MIN)
    return `it is of version ${Math.floor(row.version / 10_000)}, and 13 is the oldest that will do`;
  if (row.fsync !== 'on') return 'fsync is off: what it says it keeps would not survive a crash';
  if (row.pages !== 'on') return 'full_page_writes is off: what it says it keeps would not survive a crash';
  if (row.readonly === 'on') return 'it is read-only (default_transaction_read_only)';
  return null;
}

/**
 * A pooler that gives connections away between transactions: what is set, prepared or listened for on one is another's. Whoever is really
 * connected hears what somebody else says.
 */
export async function isPooled(
  ask: (query: Query) => Promise<Answer>,
  client: Client,
  config: ClientConfig,
): Promise<boolean> {
  const { rows } = await ask({ text: 'SELECT pg_backend_pid() AS pid' });
  if (rows[0]?.['pid'] === innerOf(client).processID) return false;
  const channel = `mailbox_note_${process.pid}_${++notes}`;
  let hear: () => void = () => {};
  const heard = new Promise<void>((resolve) => {
    hear = resolve;
  });
  client.on('notification', hear);
  const other = new Client(config);
  other.on('error', () => {});
  try {
    await ask({ text: `LISTEN ${channel}` });
    return !(await within(
      NOTE_MS,
      said(other, channel).then(() => heard),
    ));
  } finally {
    client.off('notification', hear);
    // It may never answer, not even to its end.
    innerOf(other).connection.stream.destroy();
  }
}
let notes = 0;

async function said(other: Client, channel: string): Promise<void> {
  await other.connect();
  await other.query(`NOTIFY ${channel}`);
}

/** Whether it comes in time. */
async function within(ms: number, event: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([event.then(() => true as const), late]);
  } finally {
    clearTimeout(timer);
  }
}
