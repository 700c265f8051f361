import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { integrity } from '../../src/integrity/hash-chain.ts';
import { audit } from '../../src/journal/audit.ts';
import { Reader } from '../../src/journal/bytes.ts';
import { RECOVERING } from '../../src/journal/durable.ts';
import { EmbeddedJournal } from '../../src/journal/embedded.ts';
import { FileStorage } from '../../src/journal/file-storage.ts';
import { filesOf } from '../../src/journal/layout.ts';
import { KINDS, readRecord } from '../../src/journal/record.ts';
import { type Recovered, readSnapshot, recover } from '../../src/journal/recover.ts';
import { storyOf, WALL_AHEAD_MS } from '../support/yesterday.ts';

/** Written once by each version that wrote other records, and never again: only ever add to these. With the kinds that came
 * later: `record.test.ts` holds their bytes. */
const VERSIONS = [
  ['journal-v1', ['clocks', 'charged_link', 'barred']],
  ['journal-v1-clocks', ['charged_link', 'barred']],
] as const;
const of = (version: string): string => resolve(import.meta.dirname, '../vectors', version);

function found(folder: string, oldest = false): Recovered {
  const recovered = recover(new FileStorage(folder), { ...RECOVERING, oldest });
  if (recovered.kind !== 'recovered') throw new Error(JSON.stringify(recovered));
  return recovered;
}

describe.each(VERSIONS)("yesterday's files: %s", (version, later: readonly string[]) => {
  const expected = JSON.parse(readFileSync(`${of(version)}.json`, 'utf8'));

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
    const apart = Object.keys(KINDS).filter((kind) => kind.endsWith('_apart'));
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
