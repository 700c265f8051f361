import { ARROWS, HEIGHT, PLACE, WIDTH } from './lifecycle.ts';

/** The lifecycle, with the way that a message has gone: its states in order, each with the event that led there. */
export function Diagram({ states, events }: { states: readonly string[]; events: readonly string[] }) {
  const now = states.at(-1) ?? 'absent';
  const gone = states.map(
    (state, i) => `${states[i - 1] ?? (events[i] === 'send' ? 'absent' : '')} ${state} ${events[i]}`,
  );
  const latest = gone.at(-1);
  const kindOf = ({ from, to, events: by }: (typeof ARROWS)[number]): string => {
    const own = by.map((event) => `${from} ${to} ${event}`);
    return own.includes(`${latest}`) ? 'latest' : own.some((one) => gone.includes(one)) ? 'walked' : 'plain';
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
