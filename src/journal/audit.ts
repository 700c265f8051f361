import type { Fact, MessageFact } from '../core/facts.ts';
import { timeOf } from '../core/msg-id.ts';
import { redecide } from '../core/redecide.ts';
import type { ShardState } from '../core/state.ts';
import type { Integrity } from '../ports/integrity.ts';
import type { StorageReader } from '../ports/storage.ts';
import { BytesError, Writer } from './bytes.ts';
import type { Secret } from './frame.ts';
import { filesOf, PAYLOADS, payloadFile, snapshotFile } from './layout.ts';
import { placeIn } from './payload-place.ts';
import { placed, readLive } from './read-live.ts';
import { writeRecord } from './record.ts';
import { APART } from './record-parts.ts';
import { loadSnapshot, type Recovered, recover } from './recover.ts';
import { isRefusal, type Refusal } from './refusal.ts';
import type { Replica } from './replica.ts';

export interface AuditOptions {
  readonly hash: Secret['hash'];
  readonly integrity: Pick<Integrity, 'payloadHashOf' | 'hashChainOf'>;
}

/** Everything a journal can be held to, and what is wrong with this one. */
export interface Audit {
  /** False in a directory in which nothing was ever written. */
  readonly exists: boolean;
  readonly problems: readonly Refusal[];
  readonly segments: number;
  readonly snapshots: number;
  readonly payloadFiles: number;
  /** Payloads in a bucket, which were not looked at. */
  readonly payloadsElsewhere: number;
  readonly frames: number;
  readonly facts: number;
  /** Sequence numbers of the first and the last frame that were read; 0 for none. */
  readonly first: number;
  readonly last: number;
  /** Bytes of a write that was cut off at the end: put aside by the next start, no problem. */
  readonly tornBytes: number;
}

/**
 * Reads everything that is there, further back than a recovery would: the chain of frames from its beginning, each fact
 * against the lifecycle and its hashes, each snapshot against the log before it, each payload against its hash.
 */
export const audit = (source: StorageReader, options: AuditOptions): Audit =>
  readLive(
    () => lookOnce(source, options),
    ({ problems }) => (problems.length === 0 ? null : problems.map(placed).join()),
  );

function lookOnce(source: StorageReader, options: AuditOptions): Audit {
  const { segments, snapshots } = filesOf(source);
  const problems: Refusal[] = [];
  const said = new Map<number, { readonly digest: string; readonly nowMs: readonly number[] }>();
  for (const sequence of snapshots) {
    const loaded = loadSnapshot(source, sequence, options.hash);
    if (isRefusal(loaded)) problems.push(loaded);
    else {
      const nowMs = loaded.replica.shards.map((shard) => shard.nowMs);
      said.set(sequence, { digest: digestOf(loaded.replica, options.hash), nowMs });
    }
  }
  const seen = { frames: 0, facts: 0, first: 0, last: 0 };
  const found = recover(source, {
    hash: options.hash,
    payloadHashOf: options.integrity.payloadHashOf,
    oldest: true,
    visit: ({ sequence }) => {
      seen.frames++;
      seen.first ||= sequence;
      seen.last = sequence;
    },
    check: ({ shards }, shard, fact) => {
      seen.facts++;
      mustHold(shards, shard, fact, options.integrity);
    },
    visited: (replica, { sequence }) => {
      const snapshot = said.get(sequence);
      if (snapshot === undefined) return;
      // It may leave out what ended with time alone.
      replica.pass((shard) => snapshot.nowMs[shard] ?? 0);
      if (snapshot.digest === digestOf(replica, options.hash)) return;
      problems.push({ file: snapshotFile(sequence), at: 0, why: 'does not say what the log says' });
    },
  });
  if (found.kind === 'refused') problems.push({ file: found.file, at: found.at, why: found.why });
  const elsewhere = found.kind === 'recovered' ? elsewhereIn(source, found) : new Set<string>();
  if (found.kind === 'recovered') problems.push(...payloadProblems(found, elsewhere));
  return {
    exists: found.kind !== 'empty',
    problems,
    ...{ segments: segments.length, snapshots: snapshots.length, payloadFiles: source.files(PAYLOADS).length },
    payloadsElsewhere: elsewhere.size,
    ...seen,
    tornBytes: found.kind === 'recovered' ? found.tail.tornEnd - found.tail.at : 0,
  };
}

function mustHold(shards: readonly ShardState[], shard: ShardState, fact: Fact, integrity: AuditOptions['integrity']) {
  if (fact.name === 'recovered') return;
  const wrong = redecide(shards, shard, fact) ?? hashProblem(fact, integrity);
  if (wrong !== null) throw new BytesError(wrong);
}

/** A send says what it carries, twice (T1, T2). */
function hashProblem(fact: MessageFact, { payloadHashOf, hashChainOf }: AuditOptions['integrity']): string | null {
  if (fact.name !== 'sent') return null;
  const { msgId, topic, idemKey, payload, payloadHash, hashChain, attrs } = fact;
  if (payload !== APART && payloadHashOf(payload) !== payloadHash) return `sent of ${msgId}: payload_hash`;
  const chain = hashChainOf(topic, timeOf(msgId), idemKey, payloadHash, attrs);
  return chain === hashChain ? null : `sent of ${msgId}: hash_chain`;
}

/** Messages whose payload is in a bucket, and not in a file as well. */
const elsewhereIn = (source: StorageReader, { damagedPayloads, apart }: Recovered): ReadonlySet<string> =>
  new Set(
    placeIn(source) === null
      ? []
      : damagedPayloads.filter(({ msgId, why }) => why === 'missing' && apart.has(msgId)).map(({ msgId }) => msgId),
  );

const payloadProblems = ({ damagedPayloads, apart }: Recovered, elsewhere: ReadonlySet<string>): Refusal[] =>
  damagedPayloads
    .filter(({ msgId }) => !elsewhere.has(msgId))
    .map(({ msgId, why }) => {
      const hash = apart.get(msgId);
      return { file: hash === undefined ? 'payload' : payloadFile(hash), at: 0, why: `${why}, of ${msgId}` };
    });

const PIECE_BYTES = 256 << 10;

/** A hash over everything a replica holds: not over how many facts it took, of which old directories do not know all. */
function digestOf(replica: Replica, hash: Secret['hash']): string {
  const w = new Writer(2 * PIECE_BYTES);
  const close = (): void => {
    const digest = hash(w.buffer.subarray(0, w.length));
    w.length = 0;
    w.raw(digest);
  };
  const { term, limits } = replica;
  w.f64(term);
  if (limits !== null) writeRecord(w, null, { name: 'limited', limits });
  for (const { shard, item } of replica.holds()) {
    writeRecord(w, shard, item, item.name === 'message' && item.message.payload === APART);
    if (w.length > PIECE_BYTES) close();
  }
  close();
  return Buffer.from(w.buffer.subarray(0, w.length)).toString('hex');
}
