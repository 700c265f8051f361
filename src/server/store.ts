import { randomBytes } from 'node:crypto';
import { limitsOf } from '../config/limits.ts';
import type { Settings } from '../config/settings.ts';
import { ConfigError } from '../config/values.ts';
import { useHashKey } from '../core/keyed-hash.ts';
import { type DurableOptions, durableBackend, openDurable } from '../journal/durable.ts';
import { memoryBackend } from '../journal/memory.ts';
import type { Recovered } from '../journal/recover.ts';
import { openObjects } from '../objects/open.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { JournalBackend, Lack } from '../ports/journal.ts';
import { Service } from '../service/service.ts';
import { TOPIC_KEY_BYTES } from '../service/sharding.ts';
import { objectPlaceOf } from './objects.ts';

/** What a server keeps things in, opened. */
export interface OpenedStore {
  readonly journal: JournalBackend;
  /** Nothing may be under way. */
  close(): void | Promise<void>;
}

export interface StoreOptions {
  readonly settings: Settings;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The operator takes a damaged last frame for a torn one. */
  readonly acceptTornTail: boolean;
  /** What the journal lacks has changed. */
  readonly onRoom: () => void;
  /** Opening ends with its reason when it is aborted. */
  readonly ended: AbortSignal;
}

const LACKING: Readonly<Record<Lack, string>> = {
  disk_space: 'the disk is full, the quota of its user is used up, or a file may not grow further (RLIMIT_FSIZE)',
  descriptors: 'no file can be opened, for all descriptors are in use',
  system_memory: 'the system has no memory to open a file',
};

/** @throws ConfigError, FolderError, JournalRefused, or the reason of `ended` */
export async function openStore(options: StoreOptions): Promise<OpenedStore> {
  const secret = randomBytes(2 * Int32Array.BYTES_PER_ELEMENT);
  useHashKey([secret.readInt32LE(0), secret.readInt32LE(4)]);
  return options.settings.profile === 'micronode' ? inMemory(options.settings) : durable(options);
}

const inMemory = (settings: Settings): OpenedStore => ({
  journal: memoryBackend(Service.empty(settings.ready_shards, limitsOf(settings)), randomBytes(TOPIC_KEY_BYTES)),
  close: () => {},
});

/** The bucket for large payloads, and how it does told in the log. @throws ConfigError */
function objectsOf(settings: Settings, log: Log): DurableOptions['objects'] {
  const place = objectPlaceOf(settings);
  if (place === undefined) return undefined;
  const onTrouble = (reason: string | null): void => {
    if (reason === null) log.info('payloads.store', { reason: 'it answers again' });
    else log.warn('payloads.store', { reason: `${reason}: payloads go into the log` });
  };
  return { place, open: (folder) => openObjects({ place, folder }, onTrouble) };
}

async function durable({ settings, log, metrics, acceptTornTail, onRoom, ended }: StoreOptions): Promise<OpenedStore> {
  const startedMs = performance.now();
  let lack: Lack | null = null;
  const opened = await openDurable({
    ended,
    folder: settings.data,
    segmentBytes: settings.segment_size,
    acceptTornTail,
    remember: settings.recent_facts,
    historyBytes: settings.feed_history,
    objects: objectsOf(settings, log),
    onSync: (seconds, bytes) => {
      metrics.syncSeconds.observe(seconds);
      metrics.journalBytes.add(0, bytes);
    },
    events: {
      room: (wanting) => {
        lack = wanting;
        if (wanting === null) log.info('journal.room', { reason: 'there is room again' });
        else log.error('journal.room', { decision: 'denied', reason: `${LACKING[wanting]}: sends are refused` });
        onRoom();
      },
      compacted: ({ sequence, segment, bytes }) => {
        metrics.snapshots.add();
        log.info('journal.snapshot', { sequence, segment, bytes });
      },
      compactionFailed: ({ message }) => log.error('journal.snapshot_failed', { reason: message }),
    },
  });
  const { journal, shards, close } = opened;
  const { recovered, term } = journal;
  if (shards !== null && shards.length !== settings.ready_shards) {
    close();
    throw new ConfigError(
      `ready_shards: ${settings.data} has ${shards.length}, and that is fixed for a data directory`,
      'ready_shards',
    );
  }
  if (recovered !== null) report(recovered, journal.isTornKept, log, metrics);
  log.info('journal.opened', {
    data: settings.data,
    term,
    sequence: journal.end.sequence,
    facts: recovered?.replica.facts ?? 0,
    latency_ms: Math.round(performance.now() - startedMs),
  });
  const begun = shards ?? Service.empty(settings.ready_shards, limitsOf(settings));
  return { journal: durableBackend(opened, begun, () => lack), close };
}

/** What was not as it should be, and was put right or will be kept from consumers. */
function report(found: Recovered, isTornKept: boolean, log: Log, metrics: Metrics): void {
  const { tail, damagedSnapshots, damagedPayloads } = found;
  if (tail.tornEnd > tail.at) {
    metrics.tornTails.add();
    const { segment, at, tornEnd } = tail;
    log.warn('journal.torn_tail', {
      segment,
      at,
      bytes: tornEnd - at,
      reason: `a write was cut off; ${isTornKept ? 'put aside' : 'no space to keep it'}`,
    });
  }
  for (const { file, at, why } of damagedSnapshots) log.warn('journal.snapshot_damaged', { file, at, reason: why });
  for (const { msgId, why } of damagedPayloads) {
    log.warn('integrity.failed', { msg_id: msgId, decision: 'denied', reason: `payload file ${why}` });
  }
}
