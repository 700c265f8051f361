import { useMemo } from 'preact/hooks';
import { kindOf, laneOf, ROWS, run } from './run.ts';
import { goTo, row } from './view.ts';

/** A request or an answer, a field a line. */
function Fields({ text }: { text: string }) {
  const fields = Object.entries(JSON.parse(text) as Record<string, unknown>);
  return (
    <dl class="fields">
      {fields.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{typeof value === 'string' ? value : JSON.stringify(value, null, 1)}</dd>
        </div>
      ))}
    </dl>
  );
}

/** All rows of a call: they lie near each other, but its client may wait long. */
function rowsOf(call: number): number[] {
  const found: number[] = [];
  for (let at = 0; at < ROWS; at++) if (run.rows.call[at] === call) found.push(at);
  return found;
}

/** The call that the row at hand belongs to: what was asked, what each copy of it was answered, and what came of it. */
export function CallAtHand() {
  const number = run.rows.call[row.value] as number;
  const rows = useMemo(() => (number === 0 ? [] : rowsOf(number)), [number]);
  const call = run.calls[number];
  if (number === 0 || call === undefined) return null;
  const copies = [...new Set(rows.map((at) => run.rows.copy[at] as number))].filter(
    (copy) => run.answers[`${number} ${copy}`] !== undefined,
  );
  return (
    <section aria-labelledby="call">
      <h2 id="call">
        Call {number}: {call.verb}
      </h2>
      <p class="call-rows">
        {rows.map((at) => (
          <button type="button" key={at} onClick={() => goTo(at)} aria-current={at === row.value ? 'step' : undefined}>
            {kindOf(at)} {laneOf(at)} {run.rows.step[at]}
          </button>
        ))}
      </p>
      <h3>Request</h3>
      <Fields text={call.request} />
      {copies.map((copy) => (
        <div key={copy}>
          <h3>Answer{copies.length > 1 ? ` to copy ${copy + 1}` : ''}</h3>
          <Fields text={run.answers[`${number} ${copy}`] as string} />
        </div>
      ))}
      {copies.length === 0 && <p class="note">Nothing was answered in the steps shown.</p>}
    </section>
  );
}
