import { useSignal } from '@preact/signals';
import { FirstFailing } from './failing.tsx';
import { Ruled } from './rule.tsx';
import { faultRows, run } from './run.ts';

const { verdict } = run;
const counted = (counts: Readonly<Record<string, number>>): [string, number][] =>
  Object.entries(counts)
    .filter(([, count]) => count > 0)
    .sort(([a], [b]) => a.localeCompare(b, 'en'));

const plural = (count: number, what: string): string =>
  `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;

export function Header() {
  return (
    <header>
      <div class="top">
        <h1>{run.title}</h1>
        <span class={`badge ${verdict.kind}`}>{verdict.badge}</span>
        <span class="exit" id="exit">
          exit code {verdict.exit}
        </span>
        <p class="verdict" id="verdict">
          {verdict.kind === 'held' ? run.description : <Ruled text={verdict.detail} />}
        </p>
      </div>
      <p class="repeat">
        <span class="name">repeat</span> <code id="repeat">{run.repeat}</code> <Copy text={run.repeat} />
      </p>
      <dl class="facts">
        <Fact name="seed" value={run.seed} />
        <Fact name="version" value={run.version} />
        <Fact name="steps" value={run.steps.toLocaleString('en')} />
        <Fact name="simulated" value={`${(run.simulatedMs / 1000).toLocaleString('en')} s`} />
        <Fact name="operations" value={(run.history['operations'] ?? 0).toLocaleString('en')} />
        <Fact name="lost" value={String(run.history['lost'])} />
        <Fact name="unexpected" value={String(run.history['unexpected'])} />
        <Fact name="hash" value={`${run.hash.slice(0, 16)}..`} />
      </dl>
      {run.failingRow >= 0 && <FirstFailing />}
      <details class="counts">
        <summary>
          What happened: {plural(faultRows.length, 'fault')} in the steps shown, {plural(run.goals.length, 'goal')},
          coverage
        </summary>
        <p>
          <span class="name">faults</span>{' '}
          {counted(run.injected)
            .map(([name, count]) => `${name} ${count.toLocaleString('en')}`)
            .join(', ') || 'none'}
        </p>
        <p>
          <span class="name">happened</span>{' '}
          {counted(run.tally)
            .map(([name, count]) => `${name} ${count.toLocaleString('en')}`)
            .join(', ') || 'nothing'}
        </p>
        <p>
          <span class="name">goals</span>{' '}
          {run.goals.map(({ goal, least, reached }) => `${goal} ${reached} of ${least}`).join(', ') || 'none'}
        </p>
        <Coverage />
      </details>
      {run.leftOut > 0 && (
        <p class="note">
          The first {run.leftOut.toLocaleString('en')} rows are left out: this is the end of a longer run.
        </p>
      )}
    </header>
  );
}

/** Which actions happened under which faults. */
function Coverage() {
  const { actions, rows } = run.coverage;
  if (rows.length === 0) return null;
  return (
    <div class="matrix">
      <table>
        <caption>how often each action happened while a fault was felt</caption>
        <thead>
          <tr>
            <th scope="col">fault</th>
            {actions.map((action) => (
              <th scope="col" key={action}>
                {action}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ kind, counts }) => (
            <tr key={kind}>
              <th scope="row">{kind}</th>
              {counts.map((count, i) => (
                <td key={actions[i]}>{count === 0 ? '·' : count.toLocaleString('en')}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const Fact = ({ name, value }: { name: string; value: string }) => (
  <div>
    <dt>{name}</dt>
    <dd>{value}</dd>
  </div>
);

function Copy({ text }: { text: string }) {
  const said = useSignal('copy');
  const copy = (): void => {
    const done = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error('no clipboard'));
    done.then(
      () => (said.value = 'copied'),
      () => (said.value = 'not copied: select it instead'),
    );
  };
  return (
    <button type="button" onClick={copy} aria-live="polite">
      {said.value}
    </button>
  );
}
