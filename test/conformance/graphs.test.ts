import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ModelCheck } from '../../src/model/check.ts';
import { neverTaken } from '../../src/model/graph.ts';
import { graphFile, MODELS, type Model, type Specification, subjectOf } from '../../src/model/models.ts';
import { decodeGraph } from '../../src/model/recorded-graph.ts';
import { holdsTables } from '../support/documents.ts';
import { LARGE_MODELS, sameGraph } from '../support/graphs.ts';

const GRAPHS = MODELS.filter(({ graph }) => graph !== null);
/** The system suite explores the others. */
const HERE = GRAPHS.filter(({ name }) => !LARGE_MODELS.includes(name));

describe('graphs', () => {
  /** What the checks below came to; the graph on record for a test that is run alone. */
  const seen = new Map<string, Pick<ModelCheck, 'code' | 'never'>>();
  const seenOf = (model: Model): Pick<ModelCheck, 'code' | 'never'> => {
    const { variables, actions } = subjectOf(model);
    const recorded = () => {
      const graph = decodeGraph(readFileSync(graphFile(model)), variables, actions);
      return { code: { states: graph.count, steps: graph.targetOf.length }, never: neverTaken(graph) };
    };
    return seen.get(model.name) ?? recorded();
  };

  it('there are at least six models to compare, of every specification', () => {
    expect(GRAPHS.length).toBeGreaterThanOrEqual(6);
    expect(new Set(GRAPHS.map(({ graph }) => graph))).toEqual(
      new Set(['Mailbox', 'Durability', 'Capability', 'Ownership']),
    );
  });

  it.each(HERE)(
    '$name: the code and the specification have the same state graph; liveness holds of those of the lifecycle (V5, DeliveredLive)',
    (model) => {
      seen.set(model.name, sameGraph(model));
    },
    240_000,
  );

  it('every action and refusal of each specification happens in some model, and in some that every mutant is tried in', () => {
    const never = (of: Specification, models: readonly Model[]): readonly string[] =>
      models
        .filter(({ graph }) => graph === of)
        .map((model) => seenOf(model).never)
        .reduce((all, one) => all.filter((action) => one.includes(action)));
    const tiny = GRAPHS.filter((model) => model.tiny);
    for (const of of ['Mailbox', 'Durability', 'Capability', 'Ownership'] as const)
      expect(never(of, GRAPHS), of).toEqual([]);
    for (const of of ['Mailbox', 'Durability'] as const) expect(never(of, tiny), of).toEqual([]);
  });

  it('docs/conformance.md says of each model how large it is and what never happens there', () => {
    const rowOf = (model: Model): string => {
      const { code, never } = seenOf(model);
      const numbers = [code?.states, code?.steps].map((n) => n?.toLocaleString('en')).join(' | ');
      const without = never.map((action) => `\`${action}\``).join(', ');
      return `| \`${model.name}\` | ${model.about} | ${numbers} | ${without} |`;
    };
    const tableOf = (models: readonly Model[]): string =>
      ['| model | what | states | steps | never there |', '|---|---|---:|---:|---|', ...models.map(rowOf)].join('\n');
    const large = GRAPHS.filter((model) => !model.tiny);
    const ofSpecification = (...of: readonly Specification[]): readonly Model[] =>
      large.filter(({ graph }) => graph !== null && of.includes(graph));
    const tables = {
      models: tableOf(ofSpecification('Mailbox', 'Durability')),
      'capability models': tableOf(ofSpecification('Capability')),
      'ownership models': tableOf(ofSpecification('Ownership')),
    };
    holdsTables('docs/conformance.md', tables, 'test/conformance/graphs');
  });
});
