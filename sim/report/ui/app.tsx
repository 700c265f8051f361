import { useEffect, useRef } from 'preact/hooks';
import { isProportional } from './axis.ts';
import { Details } from './details.tsx';
import { FilterBar } from './filter-bar.tsx';
import { Header } from './header.tsx';
import { Overview } from './overview.tsx';
import { faultRows, ROWS, rowsOfMessage, run } from './run.ts';
import { Timeline } from './timeline.tsx';
import { follow, found, goTo, message, page, row, sought, walk, walkMessage } from './view.ts';

export function App() {
  const search = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (takesKeys(event.target) || event.metaKey || event.ctrlKey || event.altKey) return;
      const act = KEYS[event.key];
      if (event.key === '/') search.current?.focus();
      else if (act === undefined) return;
      else act();
      event.preventDefault();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  return (
    <>
      <Header />
      <main>
        <div class="left">
          <Overview />
          <Controls search={search} />
          <FilterBar />
          <Timeline />
        </div>
        <Details />
      </main>
    </>
  );
}

/** A field that keys are for: the box to tick and the scrubber leave them to the page. */
const takesKeys = (target: EventTarget | null): boolean =>
  target instanceof HTMLSelectElement ||
  (target instanceof HTMLInputElement && !['checkbox', 'range'].includes(target.type));

const failing = (): void => {
  if (run.failingRow >= 0) goTo(run.failingRow);
};
const nextFault = (by: 1 | -1): void => {
  const at = by > 0 ? faultRows.find((fault) => fault > row.value) : faultRows.findLast((fault) => fault < row.value);
  if (at !== undefined) goTo(at);
};

const KEYS: Readonly<Record<string, () => void>> = {
  ArrowRight: () => walk(1),
  ArrowDown: () => walk(1),
  j: () => walk(1),
  ArrowLeft: () => walk(-1),
  ArrowUp: () => walk(-1),
  k: () => walk(-1),
  PageDown: () => page(20),
  PageUp: () => page(-20),
  Home: () => goTo(0),
  End: () => goTo(ROWS - 1),
  f: failing,
  n: () => walkMessage(1),
  p: () => walkMessage(-1),
  t: () => {
    isProportional.value = !isProportional.value;
  },
  e: () => nextFault(1),
  E: () => nextFault(-1),
};

function Controls({ search }: { search: { current: HTMLInputElement | null } }) {
  const choose = (number: number): void => {
    follow(number);
    const [first] = rowsOfMessage[number] ?? [];
    if (first !== undefined) goTo(first);
    sought.value = '';
    search.current?.blur();
  };
  return (
    <nav class="controls" aria-label="Steps">
      <button type="button" onClick={() => walk(-1)}>
        back <kbd>k</kbd>
      </button>
      <button type="button" onClick={() => walk(1)}>
        on <kbd>j</kbd>
      </button>
      <button type="button" onClick={() => nextFault(1)}>
        next fault <kbd>e</kbd>
      </button>
      {message.value !== null && (
        <>
          <button type="button" onClick={() => walkMessage(-1)}>
            message back <kbd>p</kbd>
          </button>
          <button type="button" onClick={() => walkMessage(1)}>
            message on <kbd>n</kbd>
          </button>
        </>
      )}
      <span class="search">
        <label for="search">
          msg_id <kbd>/</kbd>
        </label>
        <input
          id="search"
          ref={search}
          value={sought.value}
          placeholder="id, its end, or key"
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => (sought.value = event.currentTarget.value)}
          onKeyDown={(event) => {
            const [first] = found.value;
            if (event.key === 'Enter' && first !== undefined) choose(first);
            if (event.key === 'Escape') {
              sought.value = '';
              event.currentTarget.blur();
            }
          }}
        />
        {sought.value.trim() !== '' && (
          <ul class="found">
            {found.value.map((number) => (
              <li key={number}>
                <button type="button" onClick={() => choose(number)}>
                  {run.messages[number]?.id} {run.messages[number]?.topic} {run.messages[number]?.idemKey}
                </button>
              </li>
            ))}
            {found.value.length === 0 && <li class="note">no such message</li>}
          </ul>
        )}
      </span>
    </nav>
  );
}
