import { describe, expect, it } from 'vitest';
import { MergedBatch } from '../../src/http/merged-batch.ts';
import type { Answer } from '../../src/http/reply.ts';
import fc from '../support/properties.ts';

const JOURNAL = { code: 'E_UNAVAILABLE', reason: 'journal' };

/** A batch of sends names no message. */
const NOTHING = [null, null, null, null, null];

/** What is made of a batch of five of which another node was asked two, and answered this. */
function merged(
  answer: Pick<Answer, 'status' | 'body'>,
  msgIds: readonly (string | null)[] = NOTHING,
): { readonly all: Answer; readonly theirs: unknown[] } {
  const answers: Answer[] = [];
  const batch = new MergedBatch(msgIds, 2, (all) => answers.push(all));
  const ours = [{ ok: 0 }, { ok: 2 }, { ok: 4 }];
  batch.add({ shard: 3, items: [1, 3] }, { outcome: 'ok', ...answer });
  batch.add({ shard: null, items: [0, 2, 4] }, { status: 200, outcome: 'ok', body: JSON.stringify({ results: ours }) });
  expect(answers.length).toBe(1);
  const [all] = answers as [Answer];
  const { results } = JSON.parse(all.body.toString());
  expect([all.status, results.length, [results[0], results[2], results[4]]]).toEqual([200, 5, ours]);
  return { all, theirs: [results[1], results[3]] };
}

describe('the answers of several nodes to the parts of a batch', () => {
  it('come together in the order of the items; a refusal of all is one of each', () => {
    const results = [
      { msg_id: 'a', duplicate: false },
      { code: 'E_LEASE_LOST', message: 'm' },
    ];
    const some = merged({ status: 200, body: JSON.stringify({ results }) });
    expect([some.theirs, some.all.refusedItems]).toEqual([results, ['lease_lost']]);
    const error = { code: 'E_CAP_SCOPE', message: 'm', corr_id: 'c' };
    const none = merged({ status: 403, body: Buffer.from(JSON.stringify(error)) });
    const { corr_id: _, ...item } = error;
    expect([none.theirs, none.all.refusedItems]).toEqual([
      [item, item],
      ['cap_scope', 'cap_scope'],
    ]);
  });

  it('an ack that was refused with its whole part, or not answered, says which message it is about', () => {
    const ids = ['m0', 'm1', 'm2', 'm3', 'm4'];
    for (const body of ['{"code":"E_SATURATED","message":"m","reason":"quota"}', '<html>']) {
      const { theirs } = merged({ status: 429, body }, ids);
      expect(theirs).toEqual(['m1', 'm3'].map((msg_id) => expect.objectContaining({ msg_id })));
      for (const result of theirs) expect(result).toHaveProperty('code');
    }
  });

  it('what is no answer to them: nobody knows what became of each (B13)', () => {
    const bodies = [
      '',
      '<html>',
      'null',
      '[]',
      '7',
      '{}',
      '{"results":7}',
      '{"results":[{}]}',
      '{"results":[{},null]}',
    ];
    const more = ['{"results":[{},[]]}', '{"results":[{},7]}', '{"results":[{},{},{}]}', '{"results":{"length":2}}'];
    for (const body of [...bodies, ...more]) {
      for (const status of [200, 404, 503]) {
        const { theirs, all } = merged({ status, body });
        expect(theirs, `${status} ${body}`).toEqual([
          expect.objectContaining(JOURNAL),
          expect.objectContaining(JOURNAL),
        ]);
        expect(all.refusedItems).toEqual(['journal', 'journal']);
      }
    }
  });

  it('whatever comes, each item has a result that is an object', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(200, 400, 503),
        fc.oneof(
          fc.json(),
          fc.string(),
          fc.array(fc.jsonValue()).map((results) => JSON.stringify({ results })),
        ),
        (status, body) => {
          for (const result of merged({ status, body }).theirs)
            expect([typeof result, result === null, Array.isArray(result)]).toEqual(['object', false, false]);
        },
      ),
    );
  });
});
