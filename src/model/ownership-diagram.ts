import { OWNERSHIP_STATES, type OwnershipState } from '../../spec/ownership.ts';
import { OWNERSHIP } from '../../spec/ownership-table.ts';
import { arrow, type Box, box, type Point, svg, words } from './svg.ts';

const WIDTH = 1300;
const HEIGHT = 620;
const boxAt = (x: number, y: number): Box => ({ x, y, width: 130, height: 44 });

/** Laid out by hand, like the lifecycle: a state or an arrow without a place does not compile or throws. */
const PLACES: Readonly<Record<OwnershipState, Box>> = {
  absent: boxAt(100, 170),
  claiming: boxAt(370, 170),
  reading: boxAt(640, 170),
  announcing: boxAt(910, 170),
  serving: boxAt(1180, 170),
  unsure: boxAt(1180, 420),
  handing_over: boxAt(640, 420),
  halted: boxAt(910, 560),
};

interface Way extends Point {
  readonly bend: number;
  readonly anchor?: 'start' | 'end';
}
/** How far each arrow bows to its left, and where its label stands. */
const WAYS: Readonly<Record<string, Way>> = {
  'absent claiming': { bend: 0, x: 235, y: 155 },
  'claiming absent': { bend: 60, x: 235, y: 210 },
  'claiming reading': { bend: 0, x: 505, y: 155 },
  'reading announcing': { bend: 50, x: 775, y: 132 },
  'reading absent': { bend: -150, x: 370, y: 85 },
  'reading halted': { bend: 0, x: 772, y: 320, anchor: 'start' },
  'announcing serving': { bend: 0, x: 1045, y: 155 },
  'announcing reading': { bend: 50, x: 775, y: 208 },
  'serving unsure': { bend: 40, x: 1212, y: 300, anchor: 'start' },
  'serving handing_over': { bend: 0, x: 985, y: 245, anchor: 'end' },
  'unsure serving': { bend: 40, x: 1148, y: 300, anchor: 'end' },
  'unsure absent': { bend: 340, x: 470, y: 425 },
  'unsure halted': { bend: 0, x: 1065, y: 500, anchor: 'start' },
  'handing_over absent': { bend: 0, x: 390, y: 285 },
  'handing_over unsure': { bend: 0, x: 985, y: 405 },
};

/** The life of a shard at a node, drawn from the machine's table. @throws Error when an arrow has no place */
export function ownershipDiagram(): string {
  const arrows = new Map<string, string[]>();
  const lapse: OwnershipState[] = [];
  for (const from of OWNERSHIP_STATES) {
    for (const [event, target] of Object.entries(OWNERSHIP[from])) {
      // Its arrows would cover all others.
      if (event === 'lapsed') lapse.push(from);
      else arrows.set(`${from} ${target}`, [...(arrows.get(`${from} ${target}`) ?? []), event]);
    }
  }
  const [lines, labels]: [string[], string[]] = [[], []];
  for (const [name, events] of arrows) {
    const way = WAYS[name];
    if (way === undefined) throw new Error(`diagram: no place for the arrow ${name}`);
    const [from, to] = name.split(' ').map((state) => PLACES[state as OwnershipState]) as [Box, Box];
    lines.push(arrow(from, to, way.bend));
    labels.push(words(way, events, way.anchor ?? 'middle'));
  }
  const note = words({ x: 100, y: 30 }, [`lapsed: from ${lapse.join(', ')} to absent`], 'start');
  const states = OWNERSHIP_STATES.map((state) =>
    box(PLACES[state], [state], state === 'halted', state === 'absent' ? '#fff' : '#eef3fb'),
  );
  return svg(WIDTH, HEIGHT, 'The life of a shard at a node', [...lines, ...states, ...labels, note]);
}
