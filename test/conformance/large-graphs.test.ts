import { describe, expect, it } from 'vitest';
import { MODELS } from '../../src/model/models.ts';
import { LARGE_MODELS, sameGraph } from '../support/graphs.ts';

describe('graphs of large models', () => {
  it.each(LARGE_MODELS)(
    '%s: the code and the specification have the same state graph; liveness holds of those of the lifecycle (V5, DeliveredLive)',
    (name) => {
      const model = MODELS.find((each) => each.name === name);
      expect(sameGraph(model!).code?.states).toBeGreaterThan(170_000);
    },
  );
});
