import { useSignal } from '@preact/signals';
import { changesOf, rowsOfMessage, run } from './run.ts';
import { follow, goTo, message } from './view.ts';

const LINE_PX = 24;
const BOX_PX = 240;

/** How a message ended, or where it still was when the run ended. */
function endOf(number: number): string {
  const last = changesOf[number]?.at(-1)?.seen;
  if (last === undefined || last.state === 'absent') return 'never sent, or undone by a crash';
  if (last.state === 'dead_lettered') return `dead_lettered: ${last.reason ?? 'no reason'}`;
  return last.state === 'acked' || last.state === 'purged' ? last.state : `still ${last.state}`;
}

/** Numbers of messages by how they ended, the most frequent first. */
const ENDS: readonly (readonly [string, readonly number[]])[] = (() => {
  const found = new Map<string, number[]>();
  for (let number = 0; number < run.messages.length; number++) {
    const end = endOf(number);
    const own = found.get(end);
    if (own === undefined) found.set(end, [number]);
    else own.push(number);
  }
  return [...found].sort(([, a], [, b]) => b.length - a.length);
})();

/** Every message, by how it ended; of a long list only what can be seen is in the page. */
export function Messages() {
  const chosen = useSignal(ENDS[0]?.[0] ?? '');
  const top = useSignal(0);
  const numbers = ENDS.find(([end]) => end === chosen.value)?.[1] ?? [];
  const first = Math.max(0, Math.floor(top.value / LINE_PX) - 4);
  const shown = numbers.slice(first, first + Math.ceil(BOX_PX / LINE_PX) + 8);
  const choose = (number: number): void => {
    follow(number);
    const last = rowsOfMessage[number]?.at(-1);
    if (last !== undefined) goTo(last);
  };
  return (
    <section aria-labelledby="ends">
      <h2 id="ends">{run.messages.length.toLocaleString('en')} messages, by how they ended</h2>
      <p class="ends">
        {ENDS.map(([end, of]) => (
          <button
            type="button"
            key={end}
            aria-pressed={end === chosen.value}
            onClick={() => {
              chosen.value = end;
            }}
          >
            {end} {of.length.toLocaleString('en')}
          </button>
        ))}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be within reach of the keyboard */}
      <div class="ended" tabIndex={0} onScroll={(event) => (top.value = event.currentTarget.scrollTop)}>
        <ul style={{ height: `${numbers.length * LINE_PX}px` }}>
          {shown.map((number, i) => (
            <li key={number} style={{ top: `${(first + i) * LINE_PX}px` }}>
              <button
                type="button"
                aria-current={number === message.value ? 'true' : undefined}
                onClick={() => choose(number)}
              >
                {run.messages[number]?.id} {run.messages[number]?.topic} {run.messages[number]?.idemKey}
              </button>
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}
