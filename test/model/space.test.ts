import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Graph } from '../../src/model/graph.ts';
import { graphFile, MODELS, subjectOf } from '../../src/model/models.ts';
import { decodeGraph } from '../../src/model/recorded-graph.ts';
import { spacePage } from '../../src/model/space.ts';
import type { SpaceData } from '../../src/model/space-data.ts';
import { Space } from '../../ui/explore/space.ts';
import { run } from '../support/process.ts';

const model = MODELS.find(({ name }) => name === 'MCTinyOne')!;
const subject = subjectOf(model);
const graph: Graph = decodeGraph(readFileSync(graphFile(model)), subject.variables, subject.actions);
const ABOUT = { model: model.name, about: 'it is </script> & so on', messages: 1 };

const spaceOf = (code: Graph, spec: Graph | null): Promise<Space> => {
  const text = spacePage(ABOUT, { code, spec, shown: null });
  const json = /<script type="application\/json" id="run">(.*)<\/script>/.exec(text)?.[1] ?? '';
  return Space.of(JSON.parse(json) as SpaceData);
};

describe('state space', () => {
  it('has every state and step of the graph, each with what it changes', async () => {
    const space = await spaceOf(graph, graph);
    let steps = 0;
    for (let state = 0; state < graph.count; state++)
      for (const { to, sides, action } of space.stepsFrom(state)) {
        steps++;
        expect(space.sideOf(sides)).toBe(null);
        expect(space.changes(state, to).length === 0).toBe(to === state);
        expect(graph.actions).toContain(action);
      }
    expect(steps).toBe(graph.targetOf.length);
    expect(space.partings(9)).toEqual([]);
    for (let state = 0; state < graph.count; state++) {
      const way = space.wayTo(state);
      expect(graph.initial).toContain(way[0]?.state);
      expect(way.at(-1)?.state).toBe(state);
    }
  });

  it('marks what only one side has, and where the two part', async () => {
    const crash = graph.actions.indexOf('Crash');
    const ack = graph.actions.indexOf('Ack');
    const other = { ...graph, actionOf: graph.actionOf.map((action) => (action === ack ? crash : action)) };
    const space = await spaceOf(other, graph);
    const marks = Array.from({ length: graph.count }, (_, state) =>
      space.stepsFrom(state).map(({ action, sides }) => [action, space.sideOf(sides)] as const),
    ).flat();
    expect(marks.filter(([, side]) => side === 'only the code').every(([action]) => action === 'Crash')).toBe(true);
    const missing = marks.filter(([, side]) => side === 'only the specification');
    expect(missing.length).toBe(graph.actionOf.filter((action) => action === ack).length);
    expect(missing.every(([action]) => action === 'Ack')).toBe(true);
    expect(space.partings(1000).length).toBeGreaterThan(0);
  });

  it('the command: a model that is none is refused by name, and so is a text that is no counterexample', async () => {
    const wrong = await run(['model', 'explore', 'MCNothing']);
    expect([wrong.code, wrong.err]).toEqual([
      2,
      expect.stringContaining('model "MCNothing": must be one of MCMailbox'),
    ]);
    const none = await run(['model', 'explore', 'MCTinyOne', '--from', 'README.md', '--out', '/dev/null']);
    expect([none.code, none.err]).toEqual([2, expect.stringContaining('no counterexample')]);
  });
});
