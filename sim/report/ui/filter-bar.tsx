import { isProportional, ZOOM_MAX, ZOOM_MIN, zoom } from './axis.ts';
import { CHOICES, type Filters, filters, isFiltered, NO_FILTERS, visible } from './filters.ts';
import { ROWS } from './run.ts';

const NAMES = Object.keys(CHOICES) as (keyof Filters)[];
const ZOOM_BY = 4;

/** What of the run is shown, and what its axis is. */
export function FilterBar() {
  const zoomBy = (by: number): void => {
    zoom.value = Math.max(ZOOM_MIN, Math.min(ZOOM_MAX, zoom.value * by));
  };
  return (
    <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      {NAMES.map((name) => (
        <label key={name}>
          {name}{' '}
          <select
            name={name}
            value={filters.value[name]}
            disabled={CHOICES[name].length === 0}
            onChange={(event) => {
              filters.value = { ...filters.value, [name]: event.currentTarget.value };
            }}
          >
            <option value="">all</option>
            {CHOICES[name].map((choice) => (
              <option key={choice} value={choice}>
                {choice}
              </option>
            ))}
          </select>
        </label>
      ))}
      {isFiltered.value && (
        <>
          <button type="button" onClick={() => (filters.value = NO_FILTERS)}>
            clear
          </button>
          <output class="note" id="passing">
            {visible.value.length.toLocaleString('en')} of {ROWS.toLocaleString('en')} rows
          </output>
        </>
      )}
      <label class="proportional">
        <input
          type="checkbox"
          name="proportional"
          checked={isProportional.value}
          onChange={(event) => (isProportional.value = event.currentTarget.checked)}
        />{' '}
        proportional time <kbd>t</kbd>
      </label>
      {isProportional.value && (
        <>
          <button type="button" aria-label="Closer" onClick={() => zoomBy(ZOOM_BY)} disabled={zoom.value >= ZOOM_MAX}>
            +
          </button>
          <button
            type="button"
            aria-label="Farther"
            onClick={() => zoomBy(1 / ZOOM_BY)}
            disabled={zoom.value <= ZOOM_MIN}
          >
            −
          </button>
        </>
      )}
    </form>
  );
}
