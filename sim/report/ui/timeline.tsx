import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { changesOf, edgesBetween, kindOf, laneOf, ROWS, run, spells } from './run.ts';
import { follow, goTo, message, row, shown, step } from './view.ts';

const ROW_PX = 22;
/** Many lanes stand closer. */
const LANE_PX = run.lanes.length > 16 ? 13 : 18;
const SPELL_PX = LANE_PX - 4;
const TEXT_PX = 760;
/** Rows that leave the view come back as others: more than ever are in the page. */
const POOL = 512;
const SPARE_ROWS = 8;
const HEAD_PX = 104;

/** Only the rows that can be seen are in the page; so a run of any length scrolls alike. */
export function Timeline() {
  const box = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const height = useSignal(600);
  useLayoutEffect(() => {
    const { current } = box;
    if (current === null) return;
    // Never more than can be seen, whatever the layout makes of the box: every row in it would be in the page.
    const observer = new ResizeObserver(() => {
      height.value = Math.min(current.clientHeight, innerHeight);
    });
    observer.observe(current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    const { current } = box;
    if (current === null) return;
    const wantedPx = row.value * ROW_PX;
    const visible = wantedPx >= current.scrollTop && wantedPx + ROW_PX <= current.scrollTop + height.value - HEAD_PX;
    if (!visible) current.scrollTop = Math.max(0, wantedPx - height.value / 2);
  }, [shown.value]);
  const first = Math.max(0, Math.floor(top.value / ROW_PX) - SPARE_ROWS);
  const last = Math.min(ROWS - 1, Math.ceil((top.value + height.value) / ROW_PX) + SPARE_ROWS);
  const lanes = run.lanes.length + (message.value === null ? 0 : 1);
  const chartPx = lanes * LANE_PX + LANE_PX;
  const numbers = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
  return (
    <div class="timeline" ref={box} onScroll={(event) => (top.value = event.currentTarget.scrollTop)}>
      <div class="lanes" style={{ height: `${HEAD_PX}px`, minWidth: `${chartPx + TEXT_PX}px` }} aria-hidden="true">
        {run.lanes.map((lane, i) => (
          <span key={lane} class={lane.startsWith('node') ? 'node' : ''} style={{ left: `${i * LANE_PX + LANE_PX}px` }}>
            {lane}
          </span>
        ))}
        {message.value !== null && (
          <span class="message" style={{ left: `${run.lanes.length * LANE_PX + LANE_PX}px` }}>
            ..{run.messages[message.value]?.id.slice(-6)}
          </span>
        )}
        <span class="flat" style={{ left: `${chartPx + 8}px` }}>
          step, time, what happens
        </span>
      </div>
      <div
        class="rows"
        role="listbox"
        tabIndex={0}
        aria-label="What happens, step by step"
        aria-activedescendant={row.value >= first && row.value <= last ? `row-${row.value}` : undefined}
        style={{ height: `${ROWS * ROW_PX}px`, minWidth: `${chartPx + TEXT_PX}px` }}
      >
        <Chart first={first} last={last} widthPx={chartPx} />
        {numbers.map((number) => (
          <Row key={number % POOL} number={number} indentPx={chartPx} />
        ))}
      </div>
    </div>
  );
}

function Row({ number, indentPx }: { number: number; indentPx: number }) {
  const kind = kindOf(number);
  const inStep = number >= step.value.first && number <= step.value.last;
  const own = message.value !== null && run.rows.messages[number]?.includes(message.value);
  const isFirst = number === 0 || run.rows.step[number - 1] !== run.rows.step[number];
  const failing = number === run.failingRow;
  const hit = HIT.test(run.rows.text[number] as string);
  const select = (): void => {
    goTo(number);
    const [first] = run.rows.messages[number] ?? [];
    if (first !== undefined && !own) follow(first);
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keys of the page work on the list as a whole
    <div
      id={`row-${number}`}
      role="option"
      tabIndex={-1}
      aria-selected={number === row.value}
      aria-posinset={number + 1}
      aria-setsize={ROWS}
      class={['row', kind, inStep ? 'current' : '', own ? 'own' : '', hit ? 'hit' : '', failing ? 'failed' : '']
        .filter(Boolean)
        .join(' ')}
      style={{ top: `${number * ROW_PX}px`, paddingLeft: `${indentPx + 8}px` }}
      onClick={select}
    >
      <span class="step">{isFirst ? run.rows.step[number] : ''}</span>
      <span class="time">{isFirst ? run.rows.atMs[number] : ''}</span>
      <span class="lane">{laneOf(number)}</span>
      <span class="text">
        {failing && <strong>{run.verdict.rule ?? run.verdict.kind}: </strong>}
        {run.rows.text[number]}
      </span>
    </div>
  );
}

/** What the network does to a call is said in its text. */
const HIT = /which is dropped|which comes twice|answer is lost|no answer/;

const x = (lane: number): number => lane * LANE_PX + LANE_PX;
const y = (number: number): number => number * ROW_PX + ROW_PX / 2;

/** Lanes of nodes, clients and the message that is followed, with what goes between them. */
function Chart({ first, last, widthPx }: { first: number; last: number; widthPx: number }) {
  const { rows, lanes } = run;
  const top = first * ROW_PX;
  const height = (last - first + 1) * ROW_PX;
  const numbers = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
  return (
    <svg
      class="chart"
      width={widthPx}
      height={height}
      viewBox={`0 ${top} ${widthPx} ${height}`}
      style={{ top: `${top}px` }}
      aria-hidden="true"
    >
      {spells
        .filter((spell) => spell.first <= last && spell.last >= first)
        .map((spell) => (
          <rect
            key={`${spell.first}`}
            class="spell"
            x={x(spell.lane) - SPELL_PX / 2}
            width={SPELL_PX}
            y={y(spell.first)}
            height={Math.max(2, y(spell.last) - y(spell.first))}
          >
            <title>{spell.text}</title>
          </rect>
        ))}
      {lanes.map((lane, i) => (
        <line key={lane} class="lane" x1={x(i)} x2={x(i)} y1={top} y2={top + height} />
      ))}
      {edgesBetween(first, last).map(({ from, to, kind }) => (
        <line
          key={`${from}-${to}`}
          class={`edge ${kind}`}
          x1={x(rows.lane[from] as number)}
          y1={y(from)}
          x2={x(rows.lane[to] as number)}
          y2={y(to)}
        />
      ))}
      {message.value !== null && <MessageLane number={message.value} first={first} last={last} />}
      {numbers.map((number) => {
        const kind = kindOf(number);
        const [cx, cy] = [x(rows.lane[number] as number), y(number)];
        if (kind === 'fault' || kind === 'crash') {
          return (
            <path
              key={number}
              class={`dot ${kind}`}
              d={`M ${cx} ${cy - 6} L ${cx + 6} ${cy + 5} L ${cx - 6} ${cy + 5} Z`}
            />
          );
        }
        return <circle key={number} class={`dot ${kind}`} cx={cx} cy={cy} r={number === row.value ? 5.5 : 3.5} />;
      })}
    </svg>
  );
}

/** What the message is, row by row. */
function MessageLane({ number, first, last }: { number: number; first: number; last: number }) {
  const changes = changesOf[number] ?? [];
  const lane = run.lanes.length;
  return (
    <g>
      {changes.map(({ row: from, seen }, i) => {
        const to = changes[i + 1]?.row ?? (['acked', 'purged'].includes(seen.state) ? from : ROWS);
        if (from > last || to < first) return null;
        const [start, end] = [Math.max(from, first - 1), Math.min(to, last + 1)];
        return (
          <rect
            key={from}
            class={`state ${seen.state}`}
            x={x(lane) - 5}
            width={10}
            y={y(start)}
            height={Math.max(8, y(end) - y(start))}
          />
        );
      })}
    </g>
  );
}
