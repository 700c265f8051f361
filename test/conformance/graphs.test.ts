import { describe, expect, it } from 'vitest';
import { checkModel } from '../../src/model/check.ts';
import { MODELS } from '../../src/model/models.ts';

const GRAPHS = MODELS.filter(({ graph }) => graph !== null);

describe('graphs', () => {
  it('there are at least six models to compare, of every specification', () => {
    expect(GRAPHS.length).toBeGreaterThanOrEqual(6);
    expect(new Set(GRAPHS.map(({ graph }) => graph))).toEqual(new Set(['Mailbox', 'Durability', 'Capability']));
  });

  it.each(GRAPHS)(
    '$name: the code and the specification have the same state graph (V5)',
    (model) => {
      const { verdict, code, spec, detail } = checkModel(model);
      expect(verdict, detail).toBe('equal');
      expect(code).toEqual(spec);
      if (!model.tiny) expect(code?.states).toBeGreaterThan(1000);
    },
    240_000,
  );
});
