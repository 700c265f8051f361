import { describe, expect, it } from 'vitest';
import { MergedTopics } from '../../src/http/merged-topics.ts';
import { type Answer, done, refusal } from '../../src/http/reply.ts';
import fc, { Reached } from '../support/properties.ts';

const SHARDS = 4;

/** A node with these topics; it looks at so many names for one page. */
interface Node {
  readonly names: readonly string[];
  readonly looks: number;
  readonly shards: readonly number[];
}

function pageOf({ names, looks, shards }: Node, limit: number, cursor: string | null): Answer {
  const after = cursor === null ? '' : cursor.slice(2);
  const left = [...names].sort().filter((name) => name > after);
  const some = left.slice(0, Math.min(limit, looks));
  const next = some.length < left.length ? `t.${some.at(-1)}` : null;
  const down = [...Array(SHARDS).keys()].filter((shard) => !shards.includes(shard));
  return done(JSON.stringify({ topics: some.map((topic) => ({ topic })), next, down_shards: down }));
}

interface Seen {
  readonly topics: readonly { readonly topic: string }[];
  readonly next: string | null;
  readonly down_shards?: readonly number[];
}

function merged(limit: number, answers: readonly Answer[]): Answer {
  let found: Answer | null = null;
  const merged = new MergedTopics(limit, answers.length, (answer) => {
    found = answer;
  });
  for (const answer of answers) merged.add(answer);
  return found as unknown as Answer;
}
const seen = ({ body }: Answer): Seen => JSON.parse(body.toString());

describe('a page of the topics of several nodes (B13)', () => {
  it('property: page by page every topic of every node is told once, in order, and none but these', () => {
    const reached = new Reached('pages of topics of several nodes');
    const name = fc.stringMatching(/^[a-c]{1,4}$/);
    const node = fc.record({ names: fc.uniqueArray(name, { maxLength: 30 }), looks: fc.integer({ min: 1, max: 40 }) });
    fc.assert(
      fc.property(
        fc.array(node, { minLength: 1, maxLength: 4, size: 'max' }),
        fc.integer({ min: 1, max: 12 }),
        (nodes, limit) => {
          const told: string[] = [];
          let pages = 0;
          for (let cursor: string | null = null; ; ) {
            const page: Seen = seen(
              merged(
                limit,
                nodes.map((one) => pageOf({ ...one, shards: [] }, limit, cursor)),
              ),
            );
            expect(page.topics.length).toBeLessThanOrEqual(limit);
            told.push(...page.topics.map(({ topic }) => topic));
            pages++;
            if (page.next === null) break;
            expect(page.next > (cursor ?? '')).toBe(true);
            cursor = page.next;
          }
          expect(told).toEqual([...new Set(nodes.flatMap(({ names }) => names))].sort());
          reached.saw({ pages, topics: told.length });
        },
      ),
    );
    reached.atLeast({ pages: 8, topics: 30 });
  });

  it('shards that no node answered for are named: those of a node that is not there, and of one whose answer is none', () => {
    const [a, b] = [
      { names: ['a'], looks: 9, shards: [0, 1] },
      { names: ['b'], looks: 9, shards: [2] },
    ];
    const both = seen(merged(9, [pageOf(a, 9, null), pageOf(b, 9, null)]));
    expect(both).toEqual({ topics: [{ topic: 'a' }, { topic: 'b' }], next: null, down_shards: [3] });
    for (const gone of [refusal('not_owner', 'c'), refusal('journal', 'c'), done('<html>'), done('{"topics":1}')])
      expect(seen(merged(9, [pageOf(a, 9, null), gone]))).toEqual({
        topics: [{ topic: 'a' }],
        next: null,
        down_shards: [2, 3],
      });
  });

  it('where none of them answered it is refused as the first was: no page says that there is nothing', () => {
    expect(merged(9, [refusal('journal', 'c'), refusal('not_owner', 'c')])).toMatchObject({
      status: 503,
      outcome: 'journal',
    });
  });

  it('what one of them refuses the asker is refused', () => {
    const node = { names: ['a'], looks: 9, shards: [0] };
    expect(merged(9, [pageOf(node, 9, null), refusal('quota', 'c')])).toMatchObject({ status: 429, outcome: 'quota' });
  });
});
