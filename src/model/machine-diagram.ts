import { type Row, rowsOf } from '../../spec/table.ts';
import { STATES, type State } from '../../spec/vocabulary.ts';
import { arrow, type Box, box, loop, type Point, svg, words } from './svg.ts';

const WIDTH = 1340;
const HEIGHT = 600;
const boxAt = (x: number, y: number): Box => ({ x, y, width: 130, height: 44 });

/** Laid out by hand, as there are few of them; a state or an arrow without a place does not compile or throws. */
const PLACES: Readonly<Record<State, Box>> = {
  absent: boxAt(90, 130),
  queued: boxAt(350, 130),
  leased: boxAt(920, 130),
  acked: boxAt(1250, 130),
  redelivered: boxAt(920, 490),
  dead_lettered: boxAt(350, 490),
  purged: boxAt(90, 490),
};

interface Way extends Point {
  readonly bend: number;
  readonly anchor?: 'start' | 'end';
}
/** How far each arrow bows to its left, and where its label stands. */
const WAYS: Readonly<Record<string, Way>> = {
  'absent queued': { bend: 0, x: 220, y: 112 },
  'queued leased': { bend: 50, x: 635, y: 84 },
  'leased queued': { bend: 30, x: 635, y: 172 },
  'leased acked': { bend: 0, x: 1085, y: 112 },
  'leased leased': { bend: 0, x: 920, y: 58 },
  'leased redelivered': { bend: 50, x: 955, y: 300, anchor: 'start' },
  'redelivered leased': { bend: 50, x: 885, y: 400, anchor: 'end' },
  'leased dead_lettered': { bend: 0, x: 640, y: 330 },
  'redelivered dead_lettered': { bend: 0, x: 635, y: 516 },
  'queued dead_lettered': { bend: 40, x: 380, y: 250, anchor: 'start' },
  'dead_lettered queued': { bend: 40, x: 322, y: 310, anchor: 'end' },
  'dead_lettered purged': { bend: 0, x: 220, y: 470 },
};

const labelOf = ({ event, guards, update }: Row): string =>
  `${event}${guards.length === 0 ? '' : ` [${guards.join(' ∧ ')}]`} / ${update}`;

/** The lifecycle of a message, drawn from the machine. @throws Error when an arrow has no place */
export function machineDiagram(): string {
  const arrows = new Map<string, Row[]>();
  for (const row of rowsOf()) {
    const name = `${row.from} ${row.target}`;
    arrows.set(name, [...(arrows.get(name) ?? []), row]);
  }
  const [lines, labels]: [string[], string[]] = [[], []];
  for (const [name, rows] of arrows) {
    const way = WAYS[name];
    const [from, to] = name.split(' ').map((state) => PLACES[state as State]) as [Box, Box];
    if (way === undefined) throw new Error(`diagram: no place for the arrow ${name}`);
    lines.push(from === to ? loop(from) : arrow(from, to, way.bend));
    labels.push(words(way, rows.map(labelOf), way.anchor ?? 'middle'));
  }
  const final = (state: State): boolean => state === 'acked' || state === 'purged';
  const states = STATES.map((state) =>
    box(PLACES[state], [state], final(state), state === 'absent' ? '#fff' : '#eef3fb'),
  );
  return svg(WIDTH, HEIGHT, 'The lifecycle of a message', [...lines, ...states, ...labels]);
}
