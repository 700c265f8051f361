import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Authority } from '../../src/auth/authorize.ts';
import { checkModel } from '../../src/model/check.ts';
import { readMailboxConstants } from '../../src/model/mailbox.ts';
import { graphFile, MODELS, subjectOf, TLA } from '../../src/model/models.ts';
import { decodeGraph } from '../../src/model/recorded-graph.ts';
import { brokenRule } from '../../src/model/rules.ts';
import { LARGE_MODELS, sameGraph } from '../support/graphs.ts';

describe('graphs of large models', () => {
  it.each(LARGE_MODELS)(
    '%s: the code and the specification have the same state graph; liveness holds of those of the lifecycle (V5, DeliveredLive)',
    (name) => {
      const model = MODELS.find((each) => each.name === name);
      expect(sameGraph(model!).code?.states).toBeGreaterThan(15_000);
    },
  );

  it.each(MODELS.filter(({ graph, tiny }) => graph === 'Mailbox' && !tiny))(
    '$name keeps the rules of the lifecycle (V5)',
    (model) => {
      const { variables, actions } = subjectOf(model);
      const graph = decodeGraph(readFileSync(graphFile(model)), variables, actions);
      expect(brokenRule(graph, readMailboxConstants(TLA, model.name))).toBe(null);
    },
  );

  it('a negative: a question that forgets its age is found, with the way to it (AU3)', () => {
    const shipped = Authority.prototype as unknown as { answered(...args: unknown[]): unknown };
    const { answered } = shipped;
    shipped.answered = function late(this: Authority, token: unknown, _askedMs: unknown, verdict: unknown) {
      return answered.call(this, token, (this as unknown as { clock: { nowMs(): number } }).clock.nowMs(), verdict);
    };
    try {
      const { verdict, detail } = checkModel(MODELS.find(({ name }) => name === 'MCVerdict')!);
      expect(verdict).toBe('different');
      expect(detail).toMatch(/only the code has (Vouch|Dismiss)/);
    } finally {
      shipped.answered = answered;
    }
  });
});
