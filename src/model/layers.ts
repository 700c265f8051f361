/** A step of a picture, by indices of its states. */
export interface Step {
  readonly from: number;
  readonly to: number;
}

const SWEEPS = 24;

/**
 * States in layers: a state stands in the layer of its least distance from an initial one. Within a layer they are put in the order
 * of the middle of their neighbours, over and over, which takes most crossings out. The same graph gives the same layers.
 */
export function layersOf(count: number, initial: readonly number[], steps: readonly Step[]): number[][] {
  const layers = byDistance(count, initial, steps);
  const neighbours: number[][] = Array.from({ length: count }, () => []);
  for (const { from, to } of steps) {
    (neighbours[from] as number[]).push(to);
    (neighbours[to] as number[]).push(from);
  }
  const place = new Float64Array(count);
  const settle = (layer: readonly number[]): void => {
    for (const [i, state] of layer.entries()) place[state] = i - (layer.length - 1) / 2;
  };
  for (const layer of layers) settle(layer);
  const middle = (state: number): number => {
    const own = neighbours[state] as number[];
    return own.length === 0 ? 0 : own.reduce((sum, other) => sum + (place[other] as number), 0) / own.length;
  };
  for (let sweep = 0; sweep < SWEEPS; sweep++)
    for (const layer of sweep % 2 === 0 ? layers : [...layers].reverse()) {
      const wanted = new Map(layer.map((state) => [state, middle(state)]));
      layer.sort((a, b) => (wanted.get(a) as number) - (wanted.get(b) as number) || a - b);
      settle(layer);
    }
  return layers;
}

function byDistance(count: number, initial: readonly number[], steps: readonly Step[]): number[][] {
  const depth = new Int32Array(count).fill(-1);
  const layers: number[][] = [[...initial]];
  for (const state of initial) depth[state] = 0;
  for (let at = 0; (layers[at]?.length ?? 0) > 0; at++) {
    const next: number[] = [];
    for (const { from, to } of steps) {
      if (depth[from] !== at || depth[to] !== -1) continue;
      depth[to] = at + 1;
      next.push(to);
    }
    layers.push(next);
  }
  return layers.filter((layer) => layer.length > 0);
}
