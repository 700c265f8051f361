import { useEffect } from 'preact/hooks';
import { SHOWN, type Space, type Step } from './space.ts';
import { at, before, goTo, here, move, space, take, way } from './walk.ts';

/** Keys: back and on, to the ends, and 1 to 9 for a step. */
function useKeys(steps: readonly Step[]): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === 'ArrowLeft') move(at.value - 1);
      else if (event.key === 'ArrowRight') move(at.value + 1);
      else if (event.key === 'Home') move(0);
      else if (event.key === 'End') move(way.value.length - 1);
      else {
        const step = /^[1-9]$/.test(event.key) ? steps[Number(event.key) - 1] : undefined;
        if (step === undefined) return;
        take(step.action, step.to);
      }
      event.preventDefault();
    };
    document.addEventListener('keydown', pressed);
    return () => document.removeEventListener('keydown', pressed);
  }, [steps]);
}

export function App() {
  const found = space.value as Space;
  const { data } = found;
  const steps = found.stepsFrom(here.value);
  useKeys(steps);
  return (
    <>
      <header>
        <h1>{data.model}</h1>
        <p>
          {data.about}: {data.count.toLocaleString('en')} states, {data.steps.toLocaleString('en')} steps
        </p>
        {data.violated !== null && <p class="bad">{data.violated}</p>}
        <Partings found={found} />
      </header>
      <nav aria-label="Way">
        <button type="button" onClick={() => move(at.value - 1)} disabled={at.value === 0}>
          ← back
        </button>
        <button type="button" onClick={() => move(at.value + 1)} disabled={at.value === way.value.length - 1}>
          on →
        </button>
        <Go found={found} />
        <ol class="way">
          {way.value.map(({ action }, i) => (
            <li key={`${i} ${action}`}>
              <button
                type="button"
                class={i === at.value ? 'now' : ''}
                aria-current={i === at.value ? 'step' : undefined}
                onClick={() => move(i)}
              >
                {action}
              </button>
            </li>
          ))}
        </ol>
      </nav>
      <main>
        <State found={found} />
        <section aria-label="What may happen here">
          <h2>What may happen here</h2>
          {steps.length === 0 && <p>Nothing: nothing leads on from here.</p>}
          <ol class="steps">
            {steps.map((step, i) => (
              <Choice key={`${step.action} ${step.to}`} found={found} step={step} number={i + 1} />
            ))}
          </ol>
        </section>
      </main>
    </>
  );
}

/** Where the two sides differ, if they do. */
function Partings({ found }: { found: Space }) {
  const parted = found.partings(20);
  const same = found.data.hasSpec
    ? 'The code and the specification have the same steps in every state.'
    : 'These are the steps of the code: no graph of this specification is on record.';
  if (parted.length === 0) return <p class={found.data.hasSpec ? 'good' : ''}>{same}</p>;
  return (
    <p class="bad">
      They part in{' '}
      {parted.map((state) => (
        <button key={state} type="button" onClick={() => goTo(state)}>
          {state}
        </button>
      ))}
    </p>
  );
}

/** The shortest way to a state by its number. */
function Go({ found }: { found: Space }) {
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const field = new FormData(event.currentTarget).get('state');
        goTo(Number(field));
      }}
    >
      <label>
        state{' '}
        <input
          name="state"
          type="number"
          min={0}
          max={found.data.count - 1}
          key={here.value}
          defaultValue={String(here.value)}
        />
      </label>
      <button type="submit">shortest way there</button>
    </form>
  );
}

function State({ found }: { found: Space }) {
  const { messages } = found.data;
  const rows = found.rowsOf(here.value);
  const was = before.value === null ? rows : found.rowsOf(before.value);
  const isNew = (i: number, m: number): boolean => rows[i]?.cells[m] !== was[i]?.cells[m];
  return (
    <section aria-label="State">
      <h2>State {here.value}</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">variable</th>
            {Array.from({ length: Math.max(messages, 1) }, (_, m) => (
              <th scope="col" key={m}>
                {messages > 0 ? `message ${m + 1}` : 'value'}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, cells }, i) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {cells.map((cell, m) => (
                <td
                  key={`${name} ${m}`}
                  colSpan={cells.length === 1 ? Math.max(messages, 1) : 1}
                  class={`${isNew(i, m) ? 'new' : ''} ${name === 'state' ? cell : ''}`}
                  title={isNew(i, m) ? `was ${was[i]?.cells[m]}` : undefined}
                >
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Choice({ found, step, number }: { found: Space; step: Step; number: number }) {
  const side = found.sideOf(step.sides);
  const changes = found.changes(here.value, step.to);
  const isShown = (step.sides & SHOWN) !== 0;
  return (
    <li>
      <button type="button" class="step" onClick={() => take(step.action, step.to)}>
        <kbd>{number < 10 ? number : ''}</kbd>
        <strong>{step.action}</strong>
        {side !== null && <span class="bad">{side}</span>}
        {isShown && side === null && <span class="own">TLC went here</span>}
        <span class="changes">{changes.length === 0 ? 'changes nothing' : changes.join(', ')}</span>
      </button>
    </li>
  );
}
