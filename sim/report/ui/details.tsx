import { useEffect } from 'preact/hooks';
import { Diagram } from '../../../ui/lifecycle/diagram.tsx';
import { CallAtHand } from './call.tsx';
import { Messages } from './messages.tsx';
import { Ruled } from './rule.tsx';
import { askedIn, changesOf, durabilityOf, kindOf, laneOf, msText, rowsOfMessage, run, seenAt, wayOf } from './run.ts';
import { follow, goTo, link, message, rule as pointed, row, step } from './view.ts';

/** The step at hand: what happens in it, what is asked, and the message that is followed. */
export function Details() {
  return (
    <aside aria-label="The step at hand">
      <Step />
      <CallAtHand />
      <Message />
      <Messages />
      <Rules />
    </aside>
  );
}

function Step() {
  const { first, last } = step.value;
  const numbers = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  return (
    <section aria-labelledby="step">
      <h2 id="step">
        Step {run.rows.step[row.value]?.toLocaleString('en')} of {run.steps.toLocaleString('en')}, at{' '}
        {msText(run.rows.atMs[row.value] as number)} <a href={link.value}>link to this step</a>
      </h2>
      <ol class="happenings" aria-live="polite">
        {numbers.map((number) => (
          <li key={number} class={number === run.failingRow ? 'failed' : ''}>
            <span class="lane">{laneOf(number)}</span> <span class={`kind ${kindOf(number)}`}>{kindOf(number)}</span>{' '}
            {run.rows.text[number]} <Durable row={number} />
            {(run.rows.messages[number] ?? []).map((own) => (
              <button type="button" class="id" key={own} onClick={() => follow(own)} title={run.messages[own]?.id}>
                ..{run.messages[own]?.id.slice(-6)}
              </button>
            ))}
          </li>
        ))}
      </ol>
    </section>
  );
}

/** Whether a fact is on the disk at the step at hand, and when it came there. */
function Durable({ row: of }: { row: number }) {
  const is = durabilityOf(of, step.value.last);
  if (is === null) return null;
  const at = run.rows.durable[of];
  return (
    <span class={is === 'durable' ? 'durable' : 'undurable'}>
      {is}
      {at === undefined ? '' : `, step ${run.rows.step[at]}`}{' '}
    </span>
  );
}

const LIFE_MAX = 200;

function Message() {
  const number = message.value;
  if (number === null) {
    return (
      <section>
        <h2>Message</h2>
        <p class="note">Choose a step that concerns a message, or search for one, to see its life.</p>
      </section>
    );
  }
  const { id, topic, idemKey } = run.messages[number] as (typeof run.messages)[number];
  const seen = seenAt(number, row.value);
  const whole = changesOf[number] ?? [];
  const changes = whole.slice(-LIFE_MAX);
  return (
    <section aria-labelledby="message">
      <h2 id="message">
        Message <span class="whole">{id}</span>
      </h2>
      <p>
        {topic === '' ? '' : `${topic}, key ${idemKey}. `}
        {seen === null ? 'Not sent yet.' : `Now ${seen.state}, attempt ${seen.attempt}, epoch ${seen.epoch}`}
        {seen?.timerMs == null ? '' : `, ${seen.state === 'leased' ? 'until' : 'not before'} ${msText(seen.timerMs)}`}
        {seen?.reason == null ? '' : `, dead because ${seen.reason}`}
      </p>
      <Diagram {...wayOf(number, row.value)} />
      <div class="life">
        <table>
          <caption>
            Its life: {rowsOfMessage[number]?.length} rows concern it
            {whole.length > LIFE_MAX ? `, the last ${LIFE_MAX} of ${whole.length} changes` : ''}
          </caption>
          <thead>
            <tr>
              <th scope="col">step</th>
              <th scope="col">time</th>
              <th scope="col">becomes</th>
              <th scope="col">attempt</th>
              <th scope="col">epoch</th>
              <th scope="col">durable</th>
            </tr>
          </thead>
          <tbody>
            {changes.map(({ row: at, seen: then }, i) => {
              const isNow = at <= row.value && (changes[i + 1]?.row ?? Number.POSITIVE_INFINITY) > row.value;
              return (
                <tr key={at} class={isNow ? 'now' : ''} aria-current={isNow ? 'step' : undefined}>
                  <td>
                    <button type="button" onClick={() => goTo(at)}>
                      {run.rows.step[at] ?? 'before'}
                    </button>
                  </td>
                  <td>{run.rows.atMs[at] ?? ''}</td>
                  <td>
                    <span class={`state ${then.state}`}>{then.state}</span>
                  </td>
                  <td>{then.attempt}</td>
                  <td>{then.epoch}</td>
                  <td>{at >= 0 && <Durable row={at} />}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** Every rule, with whether it was asked in this step and held. */
function Rules() {
  const { first, last } = step.value;
  const asked = new Set<string>();
  for (let number = first; number <= last; number++) for (const rule of askedIn(number)) asked.add(rule);
  const isFailing = run.failingRow >= first && run.failingRow <= last;
  const failed = isFailing ? run.verdict.rule : null;
  // The run ends with the first broken rule: what would have been asked after it in the same step was not.
  const status = (rule: string): string => {
    if (rule === failed) return 'broken';
    if (asked.has(rule)) return isFailing ? 'asked, not found broken' : 'asked, holds';
    return 'not asked';
  };
  useEffect(() => {
    if (pointed.value !== null) document.getElementById(`rule-${pointed.value}`)?.scrollIntoView({ block: 'center' });
  }, [pointed.value]);
  const names = Object.keys(run.rules).sort(
    (a, b) => Number(b === failed) - Number(a === failed) || Number(asked.has(b)) - Number(asked.has(a)),
  );
  return (
    <section aria-labelledby="rules">
      <h2 id="rules">Invariants and rules at this step</h2>
      <ul class="rules">
        {names.map((rule) => (
          <li
            key={rule}
            id={`rule-${rule}`}
            class={[
              rule === failed ? 'broken' : asked.has(rule) ? 'asked' : '',
              rule === pointed.value ? 'pointed' : '',
            ]
              .filter(Boolean)
              .join(' ')}
          >
            <span class="mark" aria-hidden="true">
              {rule === failed ? '✗' : asked.has(rule) ? '✓' : '·'}
            </span>{' '}
            <strong>{rule}</strong> <span class="status">{status(rule)}</span>{' '}
            <span class="says">
              <Ruled text={run.rules[rule] ?? ''} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
