import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { Reader, Writer } from '../../src/journal/bytes.ts';
import { LIMIT_FIELDS } from '../../src/journal/fields.ts';
import { readLimits, writeLimits } from '../../src/journal/record-parts.ts';

/** As many as the first version wrote. */
const FIRST = 16;

describe('limits in the journal', () => {
  it('those that a writer of before did not know are what it did without them: no tenants, no key for topics (BD5)', () => {
    const w = new Writer();
    w.u16(FIRST);
    for (const name of Object.keys(LIMIT_FIELDS).slice(0, FIRST) as (keyof typeof LIMIT_FIELDS)[])
      LIMIT_FIELDS[name].write(w, DEFAULT_LIMITS[name]);
    const read = readLimits(new Reader(w.buffer.subarray(0, w.length)));
    expect(read).toEqual({ ...DEFAULT_LIMITS, tenantShare: 0, topicHash: 0 });
  });

  it('what is written now is read back', () => {
    const w = new Writer();
    const limits = { ...DEFAULT_LIMITS, tenantLabels: 3, tenantShare: 7, tenantReserve: 0, topicShare: 100 };
    writeLimits(w, limits);
    expect(readLimits(new Reader(w.buffer.subarray(0, w.length)))).toEqual(limits);
  });
});
