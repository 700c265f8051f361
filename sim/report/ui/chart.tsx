import { axis, lanePx, ROW_PX } from './axis.ts';
import { isVisible } from './filters.ts';
import { changesOf, edgesBetween, kindOf, ROWS, run, spells } from './run.ts';
import { message, row } from './view.ts';

/** Where rows lie on top of each other more could not be told apart. */
const EDGES_MAX = 400;
const DOT_PX = 3;

const x = (lane: number): number => (lane + 1) * lanePx.value;
const y = (number: number): number => axis.value.yOf(number) + ROW_PX / 2;

interface Window {
  /** The rows in it, in order. */
  readonly rows: Int32Array;
  readonly topPx: number;
  readonly heightPx: number;
}

/** Lanes of nodes, clients and the message that is followed, with what goes between them. */
export function Chart({ rows, topPx, heightPx, widthPx }: Window & { widthPx: number }) {
  const [first, last] = [rows[0] ?? 0, rows[rows.length - 1] ?? -1];
  const { lane } = run.rows;
  const within = { rows, topPx, heightPx };
  return (
    <svg
      class="chart"
      width={widthPx}
      height={heightPx}
      viewBox={`0 ${topPx} ${widthPx} ${heightPx}`}
      style={{ top: `${topPx}px` }}
      aria-hidden="true"
    >
      <Spells {...within} />
      {run.lanes.map((name, i) => (
        <line key={name} class="lane" x1={x(i)} x2={x(i)} y1={topPx} y2={topPx + heightPx} />
      ))}
      {edgesBetween(first, last)
        .filter(({ from, to }) => isVisible(from) && isVisible(to))
        .slice(0, EDGES_MAX)
        .map(({ from, to, kind }) => (
          <line
            key={`${from}-${to}`}
            class={`edge ${kind}`}
            x1={x(lane[from] as number)}
            y1={y(from)}
            x2={x(lane[to] as number)}
            y2={y(to)}
          />
        ))}
      {message.value !== null && <MessageLane number={message.value} topPx={topPx} heightPx={heightPx} />}
      {dotsOf(rows).map((number) => (
        <Dot key={number} number={number} />
      ))}
    </svg>
  );
}

/** Of rows that lie on one point of a lane one, if need be the one at hand, or a fault. */
function dotsOf(rows: Int32Array): number[] {
  const found = new Map<string, number>();
  for (const number of rows) {
    const place = `${run.rows.lane[number]} ${Math.round(y(number) / DOT_PX)}`;
    const kind = kindOf(number);
    if (!found.has(place) || number === row.value || kind === 'fault' || kind === 'crash') found.set(place, number);
  }
  return [...found.values()];
}

function Dot({ number }: { number: number }) {
  const kind = kindOf(number);
  const [cx, cy] = [x(run.rows.lane[number] as number), y(number)];
  if (kind === 'fault' || kind === 'crash')
    return <path class={`dot ${kind}`} d={`M ${cx} ${cy - 6} L ${cx + 6} ${cy + 5} L ${cx - 6} ${cy + 5} Z`} />;
  return <circle class={`dot ${kind}`} cx={cx} cy={cy} r={number === row.value ? 5.5 : 3.5} />;
}

/** Faults that last, as far as they reach into the window. */
const Spells = ({ topPx, heightPx }: Window) => (
  <>
    {spells
      .map((spell) => ({
        ...spell,
        from: Math.max(topPx, y(spell.first)),
        to: Math.min(topPx + heightPx, y(spell.last)),
      }))
      .filter(({ from, to }) => to >= from)
      .slice(0, EDGES_MAX)
      .map(({ lane, first, text, from, to }) => (
        <rect
          key={first}
          class="spell"
          x={x(lane) - (lanePx.value - 3) / 2}
          width={Math.max(2, lanePx.value - 3)}
          y={from}
          height={Math.max(2, to - from)}
        >
          <title>{text}</title>
        </rect>
      ))}
  </>
);

/** What the message is, row by row. */
function MessageLane({ number, topPx, heightPx }: { number: number; topPx: number; heightPx: number }) {
  const changes = changesOf[number] ?? [];
  const lane = run.lanes.length;
  return (
    <g>
      {changes.map(({ row: from, seen }, i) => {
        const isOver = seen.state === 'acked' || seen.state === 'purged';
        const until = changes[i + 1]?.row ?? (isOver ? from : ROWS - 1);
        const start = Math.max(topPx, from < 0 ? 0 : y(from));
        const end = Math.min(topPx + heightPx, y(until));
        if (end < start) return null;
        return (
          <rect
            key={from}
            class={`state ${seen.state}`}
            x={x(lane) - 5}
            width={10}
            y={start}
            height={Math.max(8, end - start)}
          />
        );
      })}
    </g>
  );
}
