import { type Graph, rowOf } from './graph.ts';
import { layersOf, type Step } from './layers.ts';
import { arrow, type Box, box, svg, words } from './svg.ts';
import { decode, type Value, widthOf } from './values.ts';

const CELL = { width: 220, height: 110 };
const MARGIN = 90;
const BOX = { width: 158, height: 46 };
/** Where a label stands on its arrow: nearer to its beginning, as many arrows cross half-way. */
const LABEL_AT = 0.28;

/** A recorded graph of one message as a picture: every state, and every step that changes it. */
export function graphDiagram(graph: Graph, title: string): string {
  const steps = stepsOf(graph);
  const layers = layersOf(graph.count, graph.initial, [...steps.values()]);
  const widest = Math.max(...layers.map((layer) => layer.length));
  const [width, height] = [widest * CELL.width + 2 * MARGIN, layers.length * CELL.height + MARGIN];
  const places: Box[] = [];
  layers.forEach((layer, depth) => {
    layer.forEach((state, i) => {
      const x = width / 2 + (i - (layer.length - 1) / 2) * CELL.width;
      places[state] = { x, y: MARGIN + depth * CELL.height, ...BOX };
    });
  });
  const lines: string[] = [];
  const labels: string[] = [];
  for (const { from, to, actions } of steps.values()) {
    const [start, end] = [places[from] as Box, places[to] as Box];
    const bend = bendOf(start, end, steps.has(`${to} ${from}`));
    lines.push(arrow(start, end, bend));
    const [dx, dy] = [end.x - start.x, end.y - start.y];
    const length = Math.hypot(dx, dy);
    const along = bend === 0 ? LABEL_AT : 0.5;
    const at = {
      x: Math.round(start.x + dx * along + ((dy / length) * bend) / 2),
      y: Math.round(start.y + dy * along - ((dx / length) * bend) / 2),
    };
    labels.push(words(at, [actions.join(', ')], 'middle', 10));
  }
  const states = places.map((place, i) =>
    box(place, wordsOf(graph, i), false, graph.initial.includes(i) ? '#fff' : '#eef3fb', 11),
  );
  const about = words(
    { x: width / 2, y: 30 },
    [`${title}: ${graph.count} states; steps that change nothing are left out`],
    'middle',
    13,
  );
  return svg(width, height, title, [...lines, ...states, ...labels, about]);
}

/** Bowed where two arrows would lie on each other, or one would go through a box of its own layer or column. */
function bendOf(start: Box, end: Box, both: boolean): number {
  if (start.y === end.y) return Math.abs(start.x - end.x) > CELL.width ? 70 : 26;
  if (Math.abs(start.y - end.y) > CELL.height) return 60;
  return both ? 26 : 0;
}

interface Drawn extends Step {
  readonly actions: string[];
}

/** Steps that go elsewhere, one for each pair of states, with the actions that take it. */
function stepsOf({ count, offsets, targetOf, actionOf, actions }: Graph): Map<string, Drawn> {
  const steps = new Map<string, Drawn>();
  for (let from = 0; from < count; from++)
    for (let e = offsets[from] as number; e < (offsets[from + 1] as number); e++) {
      const to = targetOf[e] as number;
      if (to === from) continue;
      const name = `${from} ${to}`;
      const action = actions[actionOf[e] as number] as string;
      const known = steps.get(name);
      if (known === undefined) steps.set(name, { from, to, actions: [action] });
      else known.actions.push(action);
    }
  return steps;
}

/** The state of the message, and those of its numbers that say something. */
function wordsOf(graph: Graph, index: number): string[] {
  const row = rowOf(graph, index);
  const shown: string[] = [];
  let state = '';
  let at = 0;
  for (const [name, type] of graph.variables) {
    const value = decode(type, row, at);
    at += widthOf(type);
    const own = (Array.isArray(value) ? value[0] : value) as Value | undefined;
    if (name === 'state') state = String(own);
    if (SHOWN.includes(name) && typeof own === 'number' && own > 0) shown.push(`${name} ${own}`);
  }
  return [state, shown.join(', ')].filter((line) => line !== '');
}
const SHOWN = ['attempt', 'timer', 'window'];
