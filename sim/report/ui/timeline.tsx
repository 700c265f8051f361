import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { axis, isNarrow, isProportional, lanePx, ROW_PX } from './axis.ts';
import { Chart } from './chart.tsx';
import { visible } from './filters.ts';
import { faultOf, kindOf, laneOf, ROWS, run } from './run.ts';
import { follow, goTo, message, row, shown, step } from './view.ts';

const TEXT_PX = 760;
/** Rows that leave the view come back as others: more than ever are in the page. */
const POOL = 512;
const SPARE_PX = 8 * ROW_PX;
const HEAD_PX = 104;
const NARROW_HEAD_PX = 22;
const headPx = (): number => (isNarrow.value ? NARROW_HEAD_PX : HEAD_PX);

/** A line of the list: a row, where it stands, and how many more rows there are for which it leaves no room. */
interface Line {
  readonly row: number;
  readonly y: number;
  readonly more: number;
}

/** The lines between two heights. With time as it is, rows may lie closer than lines do: then the one that matters most is shown. */
function linesBetween(fromPx: number, toPx: number): { rows: Int32Array; lines: Line[] } {
  const { indexAt, yOf } = axis.value;
  const rows = visible.value.subarray(indexAt(fromPx), indexAt(toPx) + 1);
  if (!isProportional.value)
    return { rows, lines: Array.from(rows, (number) => ({ row: number, y: yOf(number), more: 0 })) };
  const found = new Map<number, Line>();
  for (const number of rows) {
    const slot = Math.floor(yOf(number) / ROW_PX);
    const there = found.get(slot);
    if (there === undefined) found.set(slot, { row: number, y: slot * ROW_PX, more: 0 });
    else
      found.set(slot, { ...there, row: weight(number) > weight(there.row) ? number : there.row, more: there.more + 1 });
  }
  return { rows, lines: [...found.values()] };
}

const weight = (number: number): number =>
  number === row.value ? 3 : number === run.failingRow ? 2 : Number(faultOf(number) !== '');

/** Only the rows that can be seen are in the page; so a run of any length scrolls alike. */
export function Timeline() {
  const box = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const height = useSignal(600);
  const { yOf, heightPx } = axis.value;
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
    const wantedPx = yOf(row.value);
    const isSeen = wantedPx >= current.scrollTop && wantedPx + ROW_PX <= current.scrollTop + height.value - headPx();
    if (!isSeen) current.scrollTop = Math.max(0, wantedPx - height.value / 2);
  }, [shown.value, axis.value]);
  const { rows, lines } = linesBetween(top.value - SPARE_PX, top.value + height.value + SPARE_PX);
  const lanes = run.lanes.length + (message.value === null ? 0 : 1);
  const chartPx = (lanes + 1) * lanePx.value;
  const isShown = lines.some((line) => line.row === row.value);
  return (
    <div class="timeline" ref={box} onScroll={(event) => (top.value = event.currentTarget.scrollTop)}>
      <div class="lanes" style={{ height: `${headPx()}px`, minWidth: `${chartPx + TEXT_PX}px` }} aria-hidden="true">
        {run.lanes.map((lane, i) => (
          <span
            key={lane}
            class={lane.startsWith('node') ? 'node' : ''}
            style={{ left: `${(i + 1) * lanePx.value}px` }}
          >
            {lane}
          </span>
        ))}
        {message.value !== null && (
          <span class="message" style={{ left: `${(run.lanes.length + 1) * lanePx.value}px` }}>
            ..{run.messages[message.value]?.id.slice(-6)}
          </span>
        )}
        <span class="flat" style={{ left: `${chartPx + 8}px` }}>
          step, time in ms, what happens
        </span>
      </div>
      <div
        class="rows"
        role="listbox"
        tabIndex={0}
        aria-label="What happens, step by step"
        aria-activedescendant={isShown ? `row-${row.value}` : undefined}
        style={{ height: `${heightPx}px`, minWidth: `${chartPx + TEXT_PX}px` }}
      >
        <Chart
          rows={rows}
          topPx={Math.max(0, top.value - SPARE_PX)}
          heightPx={height.value + 2 * SPARE_PX}
          widthPx={chartPx}
        />
        {lines.map((line, i) => (
          <Row key={isProportional.value ? i : line.row % POOL} line={line} indentPx={chartPx} />
        ))}
      </div>
      {visible.value.length === 0 && <p class="none">No row passes these filters.</p>}
    </div>
  );
}

function Row({ line: { row: number, y, more }, indentPx }: { line: Line; indentPx: number }) {
  const inStep = number >= step.value.first && number <= step.value.last;
  const own = message.value !== null && run.rows.messages[number]?.includes(message.value);
  const isFirst = number === 0 || isProportional.value || run.rows.step[number - 1] !== run.rows.step[number];
  const failing = number === run.failingRow;
  const hit = run.rows.text[number]?.includes(': no answer') || faultOf(number) !== '';
  const select = (): void => {
    goTo(number);
    const [first] = run.rows.messages[number] ?? [];
    if (first !== undefined && !own) follow(first);
  };
  const classes = ['row', kindOf(number), inStep && 'current', own && 'own', hit && 'hit', failing && 'failed'];
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keys of the page work on the list as a whole
    <div
      id={`row-${number}`}
      role="option"
      tabIndex={-1}
      aria-selected={number === row.value}
      aria-posinset={number + 1}
      aria-setsize={ROWS}
      class={classes.filter(Boolean).join(' ')}
      style={{ top: `${y}px`, paddingLeft: `${indentPx + 8}px` }}
      onClick={select}
    >
      <span class="step">{isFirst ? run.rows.step[number] : ''}</span>
      <span class="time">{isFirst ? run.rows.atMs[number] : ''}</span>
      <span class="lane">{laneOf(number)}</span>
      <span class="text">
        {failing && <strong>{run.verdict.rule ?? run.verdict.kind}: </strong>}
        {run.rows.text[number]}
        {more > 0 && <span class="more"> and {more.toLocaleString('en')} more</span>}
      </span>
    </div>
  );
}
