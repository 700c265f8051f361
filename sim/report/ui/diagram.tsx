import { changeAt, changesOf, run } from './run.ts';

const W = 92;
const H = 30;
/** Middles of the states. */
const PLACE: Readonly<Record<string, readonly [number, number]>> = {
  queued: [80, 60],
  leased: [250, 60],
  acked: [430, 60],
  redelivered: [250, 160],
  dead_lettered: [430, 160],
  purged: [430, 235],
};

interface Way {
  readonly path: string;
  /** Middle of the label, and how it is anchored. */
  readonly label: readonly [number, number, 'start' | 'middle' | 'end'];
}

/** How each arrow runs; those that are not here go straight. */
const WAYS: Readonly<Record<string, Way>> = {
  'absent queued': { path: 'M 2 60 L 34 60', label: [2, 52, 'start'] },
  'queued leased': { path: 'M 126 54 L 204 54', label: [165, 48, 'middle'] },
  'leased queued': { path: 'M 204 66 L 126 66', label: [165, 80, 'middle'] },
  'leased acked': { path: 'M 296 60 L 384 60', label: [340, 54, 'middle'] },
  'leased leased': { path: 'M 228 45 C 222 18, 278 18, 272 45', label: [250, 18, 'middle'] },
  'leased redelivered': { path: 'M 258 75 L 258 145', label: [264, 134, 'start'] },
  'redelivered leased': { path: 'M 240 145 L 240 75', label: [234, 113, 'end'] },
  'leased dead_lettered': { path: 'M 290 75 L 396 145', label: [330, 92, 'start'] },
  'redelivered dead_lettered': { path: 'M 296 160 L 384 160', label: [340, 154, 'middle'] },
  'queued dead_lettered': { path: 'M 56 75 C 56 222, 300 222, 388 172', label: [120, 200, 'middle'] },
  'dead_lettered queued': { path: 'M 400 175 C 330 262, 40 262, 40 75', label: [190, 246, 'middle'] },
  'dead_lettered purged': { path: 'M 430 175 L 430 220', label: [436, 202, 'start'] },
};

/** The lifecycle of the machine, with the way the message has gone so far. */
export function Diagram({ message, row }: { message: number; row: number }) {
  const at = changeAt(message, row);
  const changes = (changesOf[message] ?? []).slice(0, at + 1);
  const gone = changes.map(({ seen }) => seen.state);
  const now = gone.at(-1) ?? 'absent';
  const pairs = new Map<string, string[]>();
  for (const { from, event, to } of run.machine)
    pairs.set(`${from} ${to}`, [...(pairs.get(`${from} ${to}`) ?? []), event]);
  const arrows = changes.map(({ isArrow, seen }, i) => (isArrow ? `${gone[i - 1] ?? 'absent'} ${seen.state}` : ''));
  const walked = new Set(arrows);
  const latest = arrows.at(-1);
  return (
    <svg
      class="diagram"
      viewBox="0 0 500 262"
      role="img"
      aria-label={`State diagram: the message is ${now}, after ${gone.join(', ') || 'nothing'}`}
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
      {[...pairs].map(([pair, events]) => {
        const way = WAYS[pair];
        if (way === undefined) return null;
        const kind = pair === latest && at >= 0 ? 'latest' : walked.has(pair) ? 'walked' : 'plain';
        const [lx, ly, anchor] = way.label;
        return (
          <g key={pair} class={kind}>
            <path class="way" d={way.path} marker-end={`url(#arrow-${kind})`} />
            <text class="event" x={lx} y={ly} text-anchor={anchor}>
              {events.join(', ')}
            </text>
          </g>
        );
      })}
      {Object.entries(PLACE).map(([state, [cx, cy]]) => (
        <g key={state} class={`place ${state} ${state === now ? 'now' : gone.includes(state) ? 'been' : ''}`}>
          <rect x={cx - W / 2} y={cy - H / 2} width={W} height={H} rx={6} />
          <text x={cx} y={cy + 4} text-anchor="middle">
            {state}
          </text>
        </g>
      ))}
    </svg>
  );
}
