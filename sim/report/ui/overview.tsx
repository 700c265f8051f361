import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { isProportional, LENGTH_MS, rowAtShare, shareOf } from './axis.ts';
import { activity, faultMarks, hits, SERIES, type Series } from './bins.ts';
import { visible } from './filters.ts';
import { msText, ROWS, run } from './run.ts';
import { row, scrubTo } from './view.ts';

const RUN_PX = 40;
const CHART_PX = 28;
const dark = matchMedia('(prefers-color-scheme: dark)');

type Draw = (to: CanvasRenderingContext2D, width: number, colour: (name: string) => string) => void;

/** A picture that is drawn anew only when its size, the filters, the axis or the colours change: never because the reader moves. */
function Picture({ heightPx, draw, label }: { heightPx: number; draw: Draw; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = useSignal(0);
  const scheme = useSignal(dark.matches);
  useLayoutEffect(() => {
    const { current } = canvas;
    if (current === null) return;
    const observer = new ResizeObserver(() => (width.value = Math.round(current.clientWidth)));
    observer.observe(current);
    const changed = (): void => {
      scheme.value = dark.matches;
    };
    dark.addEventListener('change', changed);
    return () => {
      observer.disconnect();
      dark.removeEventListener('change', changed);
    };
  }, []);
  useEffect(() => {
    const { current } = canvas;
    const to = current?.getContext('2d');
    if (current === null || to == null || width.value === 0) return;
    const ratio = Math.min(3, devicePixelRatio);
    current.width = width.value * ratio;
    current.height = heightPx * ratio;
    to.scale(ratio, ratio);
    const style = getComputedStyle(document.documentElement);
    draw(to, width.value, (name) => style.getPropertyValue(name));
  }, [width.value, scheme.value, visible.value, isProportional.value]);
  return <canvas ref={canvas} class="picture" style={{ height: `${heightPx}px` }} role="img" aria-label={label} />;
}

const most = (bins: Float64Array): number => bins.reduce((a, b) => Math.max(a, b), 1);

/** The whole run: how much happens, below it what is hit by faults, above it the faults themselves and where it failed. */
const drawRun: Draw = (to, width, colour) => {
  const bars = (bins: Float64Array, heightPx: number): void => {
    const top = most(bins);
    for (const [column, count] of bins.entries()) {
      const height = (count / top) * heightPx;
      if (count > 0) to.fillRect(column, RUN_PX - Math.max(1, height), 1, Math.max(1, height));
    }
  };
  const marks = faultMarks(width);
  to.fillStyle = colour('--fault-back');
  for (const { from, to: end, kind } of marks)
    if (kind === 'spell') to.fillRect(from, 0, Math.max(2, end - from), RUN_PX);
  to.fillStyle = colour('--line');
  bars(activity(width), RUN_PX - 12);
  to.fillStyle = colour('--fault');
  bars(hits(width), 10);
  for (const { from, to: end, kind } of marks) {
    to.fillStyle = colour(kind === 'crash' ? '--dead' : '--fault');
    if (kind === 'spell') to.fillRect(from, 0, Math.max(2, end - from), 3);
    else to.fillRect(from - 1, 0, 3, 9);
  }
  if (run.failingRow < 0) return;
  to.fillStyle = colour('--bad');
  to.fillRect(Math.min(width - 3, shareOf(run.failingRow) * width), 0, 3, RUN_PX);
};

const drawSeries =
  ({ bins, shape, colour: name, most: top }: Series): Draw =>
  (to, width, colour) => {
    const values = bins(width);
    const scale = (CHART_PX - 2) / Math.max(1, shape === 'bars' ? most(values) : top);
    to.fillStyle = colour(name);
    for (const [column, value] of values.entries()) {
      const height = value * scale;
      if (value <= 0) continue;
      to.globalAlpha = shape === 'area' ? 0.25 : 1;
      to.fillRect(column, CHART_PX - height, 1, height);
      to.globalAlpha = 1;
      if (shape === 'area') to.fillRect(column, CHART_PX - height, 1, 1.5);
    }
  };

const DRAWN = SERIES.map((series) => ({ ...series, draw: drawSeries(series) }));

/** The whole run at a glance, charts along it, and a handle to go anywhere in it. */
export function Overview() {
  const share = useComputed(() => shareOf(row.value));
  // A place for each row, or for each ms.
  const places = isProportional.value ? Math.ceil(LENGTH_MS) : Math.max(1, ROWS - 1);
  const at = `step ${run.rows.step[row.value]?.toLocaleString('en')}, ${msText(run.rows.atMs[row.value] ?? 0)}`;
  return (
    <section class="overview" aria-label="The whole run">
      <div class="strips">
        <input
          class="scrubber"
          type="range"
          min={0}
          max={places}
          value={Math.round(share.value * places)}
          aria-label="Place in the run"
          aria-valuetext={at}
          onInput={(event) => scrubTo(rowAtShare(Number(event.currentTarget.value) / places))}
        />
        <div class="here" style={{ left: `${share.value * 100}%` }} />
        <div class="strip">
          <Picture
            heightPx={RUN_PX}
            draw={drawRun}
            label={`Overview: ${ROWS.toLocaleString('en')} rows, with faults and where it failed`}
          />
        </div>
        {DRAWN.map((series) => (
          <div class="strip chart-strip" key={series.name}>
            <span class="legend" title={series.says}>
              {series.name} {series.at === undefined ? '' : `${series.at[row.value]?.toLocaleString('en')} here, `}
              {series.name === 'refusals'
                ? `${series.most.toLocaleString('en')} in all`
                : `${series.most.toLocaleString('en')}${series.unit} at most`}
            </span>
            <Picture
              heightPx={CHART_PX}
              draw={series.draw}
              label={`${series.name}: ${series.says}; ${series.most}${series.unit} ${series.name === 'refusals' ? 'in all' : 'at most'}`}
            />
          </div>
        ))}
      </div>
    </section>
  );
}
