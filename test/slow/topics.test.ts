import { describe, it } from 'vitest';
import { manyTopics } from '../support/observed.ts';

describe('bounds of what is remembered, at length', () => {
  it(
    'a million topics: neither series nor memory grow with their number (I4, D4)',
    () => manyTopics(1_000_000),
    120_000,
  );
});
