import { ARROWS, HEIGHT, PLACE, WIDTH } from './lifecycle.ts';

/** How a message came to a state: from which, and by which event where that is known. */
export interface Came {
  readonly from: string;
  readonly event?: string;
}

/** The lifecycle, with the way that a message has gone: its states in order, and how it came to each; null where no arrow led there. */
export function Diagram({ states, came }: { states: readonly string[]; came: readonly (Came | null)[] }) {
  const now = states.at(-1) ?? 'absent';
  const isBy = ({ from, to, events }: (typeof ARROWS)[number], way: Came | null, at: number): boolean =>
    way !== null && way.from === from && states[at] === to && (way.event === undefined || events.includes(way.event));
  const kindOf = (arrow: (typeof ARROWS)[number]): string => {
    const last = came.length - 1;
    if (last >= 0 && isBy(arrow, came[last] ?? null, last)) return 'latest';
    return came.some((way, at) => isBy(arrow, way, at)) ? 'walked' : 'plain';
  };
  return (
    <svg
      class="diagram"
      viewBox="0 0 500 262"
      role="img"
      aria-label={`State diagram: the message is ${now}, after ${states.slice(0, -1).join(', ') || 'nothing'}`}
    >
      <defs>
        {['plain', 'walked', 'latest'].map((kind) => (
          <marker
            key={kind}
            id={`arrow-${kind}`}
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="7"
            markerHeight="7"
            orient="auto"
          >
            <path d="M 0 0 L 8 4 L 0 8 Z" class={`head ${kind}`} />
          </marker>
        ))}
      </defs>
      {ARROWS.map((arrow) => {
        const [x, y, anchor] = arrow.label;
        const kind = kindOf(arrow);
        return (
          <g key={`${arrow.from} ${arrow.to}`} class={kind}>
            <path class="way" d={arrow.path} marker-end={`url(#arrow-${kind})`} />
            <text class="event" x={x} y={y} text-anchor={anchor}>
              {arrow.events.join(', ')}
            </text>
          </g>
        );
      })}
      {Object.entries(PLACE).map(([state, [x, y]]) => (
        <g key={state} class={`place ${state === now ? 'now' : states.includes(state) ? 'been' : ''}`}>
          <rect x={x - WIDTH / 2} y={y - HEIGHT / 2} width={WIDTH} height={HEIGHT} rx={6} />
          <text x={x} y={y + 4} text-anchor="middle">
            {state.replace('_', ' ')}
          </text>
        </g>
      ))}
    </svg>
  );
}
