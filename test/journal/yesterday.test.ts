import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { integrity } from '../../src/integrity/hash-chain.ts';
import { audit } from '../../src/journal/audit.ts';
import { Reader } from '../../src/journal/bytes.ts';
import { RECOVERING } from '../../src/journal/durable.ts';
import { EmbeddedJournal } from '../../src/journal/embedded.ts';
import { FileStorage } from '../../src/journal/file-storage.ts';
import { fileHeader, filesOf, RESERVE, segmentFile } from '../../src/journal/layout.ts';
import { readRecord } from '../../src/journal/record.ts';
import { KINDS } from '../../src/journal/record-items.ts';
import { type Recovered, readSnapshot, recover } from '../../src/journal/recover.ts';
import { storyOf, WALL_AHEAD_MS } from '../support/yesterday.ts';

/** Written once by each version that wrote other records, and never again: only ever add to these. With the kinds that came
 * later: `record.test.ts` holds their bytes. */
const SINCE = ['told', 'redrive_begun', 'redrive_went'] as const;
const VERSIONS = [
  ['journal-v1', ['clocks', 'charged_link', 'barred', ...SINCE]],
  ['journal-v1-clocks', ['charged_link', 'barred', ...SINCE]],
] as const;
const of = (version: string): string => resolve(import.meta.dirname, '../vectors', version);

function found(folder: string, oldest = false): Recovered {
  const recovered = recover(new FileStorage(folder), { ...RECOVERING, oldest });
  if (recovered.kind !== 'recovered') throw new Error(JSON.stringify(recovered));
  return recovered;
}

/** A segment as version 1 made it beforehand: its header does not say how long, and there is no seal. */
function oldSegment(number: number, salt: Uint8Array, bytes: number): Buffer {
  const file = Buffer.alloc(bytes);
  fileHeader('segment', number, salt).copy(file);
  file.writeUInt16LE(1, 8);
  file.writeUInt32LE(crc32(file.subarray(0, 40)), 40);
  return file;
}

describe("yesterday's segments", () => {
  const BYTES = 16_384;
  const folders: string[] = [];
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true });
  });

  /** The first version's directory as its server left it: the segment in use as long as it was made, two after it. */
  function left(): { folder: string; open: () => EmbeddedJournal; last: number } {
    const folder = mkdtempSync(join(tmpdir(), 'yesterday-'));
    folders.push(folder);
    cpSync(of('journal-v1'), folder, { recursive: true });
    const { tail, salt } = found(folder);
    const last = tail.segment;
    const used = readFileSync(join(folder, segmentFile(last)));
    writeFileSync(join(folder, segmentFile(last)), Buffer.concat([used, Buffer.alloc(BYTES - used.length)]));
    for (const spare of [last + 1, last + 2]) {
      writeFileSync(join(folder, segmentFile(spare)), oldSegment(spare, salt, BYTES));
    }
    return { folder, open: () => opened(folder), last };
  }

  const opened = (folder: string): EmbeddedJournal =>
    new EmbeddedJournal({
      storage: new FileStorage(folder),
      ...{ recovering: RECOVERING, segmentBytes: BYTES, compactor: () => {} },
      freshSalt: () => new Uint8Array(16),
      events: { room: () => {}, compacted: () => {}, compactionFailed: () => {} },
    });

  /** Facts appended until the log is in this segment, and what is made beforehand is there. */
  async function fillUpTo(folder: string, journal: EmbeddedJournal, segment: number): Promise<void> {
    const facts = Array.from({ length: 100 }, () => ({ name: 'recovered', atMs: 1_800_000_000_000 }) as const);
    while (journal.end.segment < segment) {
      await new Promise<void>((resolve, reject) =>
        journal.append([{ shard: 0, facts }], (error) => (error === null ? resolve() : reject(error))),
      );
    }
    const made = [segmentFile(journal.end.segment + 2), RESERVE].map((name) => join(folder, name));
    while (!made.every((file) => existsSync(file))) await new Promise((resolve) => setImmediate(resolve));
  }

  it('are gone on with, and followed by those of today; what was made of today is missed when it is gone', async () => {
    const { folder, open, last } = left();
    const journal = open();
    await fillUpTo(folder, journal, last + 4);
    journal.close();
    const { sequence, segment } = found(folder).tail;
    expect([sequence, segment]).toEqual([journal.end.sequence, last + 4]);
    for (const name of readdirSync(folder)) {
      if (name.startsWith('log-') && Number(name.slice(4)) >= segment) rmSync(join(folder, name));
    }
    expect(recover(new FileStorage(folder), RECOVERING)).toMatchObject({
      ...{ kind: 'refused', file: segmentFile(segment), why: expect.stringMatching(/^missing: log-\d+ is full/) },
    });
  });

  it('the last one in use gone, or cut off within a frame: refused all the same', async () => {
    const { folder, open, last } = left();
    const journal = open();
    await fillUpTo(folder, journal, last + 1);
    journal.close();
    const file = join(folder, segmentFile(last + 1));
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.subarray(0, journal.end.at - 70));
    expect(recover(new FileStorage(folder), RECOVERING)).toMatchObject({
      ...{ kind: 'refused', file: segmentFile(last + 1), why: expect.stringMatching(/^frame of \d+ bytes cut off/) },
    });
    rmSync(file);
    expect(recover(new FileStorage(folder), RECOVERING)).toMatchObject({
      ...{ kind: 'refused', file: segmentFile(last + 1), why: expect.stringMatching(/^missing: log-\d+ is there/) },
    });
  });

  it('a first write to the next one that was cut off: put aside, and gone on with', async () => {
    const { folder, open, last } = left();
    const journal = open();
    await fillUpTo(folder, journal, last + 1);
    journal.close();
    const { at, sequence } = journal.end;
    const file = join(folder, segmentFile(last + 1));
    // All but the first sector of it: no header, and something behind.
    writeFileSync(file, readFileSync(file).fill(0, 512, 1024));
    const again = open();
    const tail = again.recovered?.tail;
    expect(tail).toMatchObject({ segment: last + 1, at: 512, sequence: sequence - 1 });
    expect(tail?.tornEnd).toBeGreaterThan(1024);
    expect(tail?.tornEnd).toBeLessThanOrEqual(at);
    expect(readdirSync(folder).filter((name) => name.startsWith('torn-'))).toHaveLength(1);
    await fillUpTo(folder, again, last + 2);
    again.close();
    expect(found(folder).tail.sequence).toBe(again.end.sequence);
  });
});

/** As it is understood now: nothing is kept of a message after its end that nobody asks for, and tenants were not told apart. */
function whatIsKept(story: {
  limits: object;
  readonly shards: { state?: string; attrs?: object; lastError?: unknown }[][];
}): object {
  story.limits = { ...story.limits, tenantLabels: 1, tenantShare: 0, tenantReserve: 20, topicShare: 0, topicHash: 0 };
  for (const image of story.shards.flat()) {
    if (image.attrs === undefined || (image.state !== 'acked' && image.state !== 'purged')) continue;
    image.attrs = {};
    image.lastError = null;
    Object.assign(image, { timerAtMs: 0, leaseEndsMs: 0, ttlAtMs: null, readyAtMs: 0, deadAtMs: 0, visibilityMs: 0 });
  }
  return story;
}

describe.each(VERSIONS)("yesterday's files: %s", (version, later: readonly string[]) => {
  const expected = whatIsKept(JSON.parse(readFileSync(`${of(version)}.json`, 'utf8')));

  it('say what they said then, from the newest snapshot and from the oldest', () => {
    expect(storyOf(found(of(version)).replica)).toEqual(expected);
    expect(storyOf(found(of(version), true).replica)).toEqual(expected);
    const { problems, facts } = audit(new FileStorage(of(version)), { hash: RECOVERING.hash, integrity });
    expect(problems).toEqual([]);
    expect(facts).toBeGreaterThan(50);
  });

  it('hold every kind of record, so that none can change unseen', () => {
    const kinds = new Set<string>();
    const storage = new FileStorage(of(version));
    const note = (body: Uint8Array): void => {
      for (const r = new Reader(body); r.at < r.end; ) kinds.add(readRecord(r).item.name);
    };
    recover(storage, { ...RECOVERING, oldest: true, visit: ({ body }) => note(body) });
    for (const sequence of filesOf(storage).snapshots) readSnapshot(storage, sequence, RECOVERING.hash, note);
    const apart = Object.keys(KINDS).filter((kind) => /_(apart|within)$/.test(kind));
    expect([...kinds, ...apart, ...later].sort()).toEqual(Object.keys(KINDS).sort());
    expect(found(of(version)).apart.size).toBeGreaterThan(1);
  });

  it('say what the clocks showed last, from the newest snapshot and from the oldest; where no record says so, one was both (TM1)', () => {
    const aheadMs = later.includes('clocks') ? 0 : WALL_AHEAD_MS;
    for (const oldest of [false, true]) {
      const { clocks, shards } = found(of(version), oldest).replica;
      const serviceMs = Math.max(...shards.map(({ nowMs }) => nowMs));
      expect(clocks).toEqual({ name: 'clocks', serviceMs, wallMs: serviceMs + aheadMs });
    }
  });

  it('are gone on with: the next process appends to them', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'yesterday-'));
    try {
      cpSync(of(version), folder, { recursive: true });
      const journal = new EmbeddedJournal({
        storage: new FileStorage(folder),
        ...{ recovering: RECOVERING, segmentBytes: 16_384, compactor: () => {} },
        freshSalt: () => new Uint8Array(16),
        events: { room: () => {}, compacted: () => {}, compactionFailed: () => {} },
      });
      const fact = { name: 'recovered', atMs: 1_800_000_000_000 } as const;
      await new Promise<void>((resolve, reject) =>
        journal.append([{ shard: 0, facts: [fact] }], (error) => (error === null ? resolve() : reject(error))),
      );
      journal.close();
      expect(found(folder).tail.sequence).toBe(found(of(version)).tail.sequence + 1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
