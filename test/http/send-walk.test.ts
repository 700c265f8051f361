import { beforeAll, describe, expect, it } from 'vitest';
import { type Passed, passedIn, walkOfSend } from '../../tools/walk/walk.ts';

/**
 * Five more than it passes alone: on a slow machine something is always due beside it (a descriptor that is to be had again, a file that is
 * made ready, the clock of a shard). What is taken away is to be taken off here too.
 */
const FILES_MAX = 111 + 5;
const LEADING_MAX = 67 + 5;

/** Of storage not: files are made ready beside it at any time. One file of each other stage of docs/ARCHITECTURE.md, "The way of a request". */
const STAGES = [
  ...[
    'src/http/head.ts',
    'src/node/authentication.ts',
    'src/http/json.ts',
    'src/http/requests.ts',
    'src/service/spine.ts',
  ],
  ...['src/core/decide.ts', 'src/service/commit.ts', 'src/journal/segment-log.ts', 'src/http/reply.ts'],
];

describe('the way of a send', () => {
  let passed: readonly Passed[];
  beforeAll(async () => {
    passed = passedIn(await walkOfSend('macronode'));
  }, 120_000);

  it('passes its stages in their order', () => {
    const stages = passed.map(({ file }) => file).filter((file) => STAGES.includes(file));
    expect(stages).toEqual(STAGES);
  });

  it('passes no more files than it did (npm run walk)', () => {
    expect(passed.length).toBeLessThanOrEqual(FILES_MAX);
    expect(passed.filter(({ leadsOn }) => leadsOn).length).toBeLessThanOrEqual(LEADING_MAX);
  });
});
