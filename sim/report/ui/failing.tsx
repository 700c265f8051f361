import type { Seen } from '../model.ts';
import { Ruled, RuleLink } from './rule.tsx';
import { changeAt, changesOf, durabilityOf, kindOf, msText, ROWS, rowsOfMessage, run } from './run.ts';
import { follow, goTo } from './view.ts';

const { verdict } = run;
const FIELDS: readonly (readonly [keyof Seen, string])[] = [
  ['state', 'state'],
  ['attempt', 'attempt'],
  ['epoch', 'epoch'],
  ['receipt', 'receipt'],
  ['timerMs', 'deadline or not before'],
  ['redrives', 'redrives'],
  ['releases', 'releases'],
  ['reason', 'dead because'],
];

const shown = (seen: Seen | null, field: keyof Seen): string => {
  const value = seen?.[field] ?? null;
  if (value === null) return seen === null ? 'absent' : '-';
  return field === 'timerMs' ? msText(value as number) : String(value);
};

/** What went wrong first: the step, the rule, the message on both sides, its facts, and what the step made of it. */
export function FirstFailing() {
  const row = run.failingRow;
  const message = run.messages.findIndex(({ id }) => id === verdict.msgId);
  return (
    <section class="failing" aria-labelledby="failing">
      <h2 id="failing">
        First failing step: {run.rows.step[row]?.toLocaleString('en')}, at {msText(run.rows.atMs[row] as number)}
      </h2>
      <p>
        <span class="lane">{run.lanes[run.rows.lane[row] as number]}</span> {kindOf(row)}: {run.rows.text[row]}{' '}
        <button
          type="button"
          onClick={() => {
            if (message >= 0) follow(message);
            goTo(Math.min(row, ROWS - 1));
          }}
        >
          go there <kbd>f</kbd>
        </button>
      </p>
      {verdict.rule !== null && (
        <p>
          <RuleLink name={verdict.rule} />: <Ruled text={run.rules[verdict.rule] ?? ''} />
        </p>
      )}
      <div class="sides">
        <Sides />
        {message >= 0 && (
          <div class="of-message">
            <Facts message={message} />
            <BeforeAndAfter message={message} />
          </div>
        )}
      </div>
    </section>
  );
}

/** The process and the specification, cell by cell; what neither has is left out. */
function Sides() {
  const { comparison } = run;
  if (comparison === null) return <p class="note">There is no message whose two sides could be compared.</p>;
  const cells = comparison.cells.filter(({ differs, process }) => differs || process !== '-');
  const same = cells.every(({ differs }) => !differs);
  return (
    <div class="scroll">
      <table class="comparison">
        <caption>
          {verdict.msgId ?? 'The answer'}, on both sides{comparison.lane === '' ? '' : ` at ${comparison.lane}`}
        </caption>
        <thead>
          <tr>
            <td />
            <th scope="col">process has</th>
            <th scope="col">specification has</th>
          </tr>
        </thead>
        <tbody>
          {cells.map(({ name, process, specification, differs }) => (
            <tr key={name} class={differs ? 'differs' : ''}>
              <th scope="row">{name}</th>
              <td>{process}</td>
              <td>
                {specification}
                {differs && <span class="unlike"> differs</span>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {same && (
        <p class="note">Both have the same of the message: what broke the rule is what was done in this step.</p>
      )}
    </div>
  );
}

const FACTS_MAX = 12;

/** The last facts of the message, and whether the disk had each of them then. */
function Facts({ message }: { message: number }) {
  const facts = (rowsOfMessage[message] ?? []).filter((row) => kindOf(row) === 'fact' && row <= run.failingRow);
  return (
    <div class="scroll">
      <table class="own-facts">
        <caption>Its facts{facts.length > FACTS_MAX ? `, the last ${FACTS_MAX} of ${facts.length}` : ''}</caption>
        <tbody>
          {facts.slice(-FACTS_MAX).map((row) => {
            const is = durabilityOf(row, run.failingRow) === 'durable' ? 'durable' : 'not durable';
            return (
              <tr key={row}>
                <td>
                  <button type="button" onClick={() => goTo(row)}>
                    {run.rows.step[row]}
                  </button>
                </td>
                <td>{run.rows.text[row]}</td>
                <td class={is === 'durable' ? 'durable' : 'undurable'}>{is}</td>
              </tr>
            );
          })}
          {facts.length === 0 && (
            <tr>
              <td>none in the steps shown</td>
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}

function BeforeAndAfter({ message }: { message: number }) {
  const at = changeAt(message, run.failingRow);
  const changes = changesOf[message] ?? [];
  const after = changes[at]?.seen ?? null;
  const before = changes[at]?.row === run.failingRow ? (changes[at - 1]?.seen ?? null) : after;
  const both = [
    ['before', before],
    ['after', after],
  ] as const;
  return (
    <div class="scroll">
      <table class="steps">
        <caption>What the step made of it, as the process has it</caption>
        <thead>
          <tr>
            <td />
            {FIELDS.map(([field, name]) => (
              <th scope="col" key={field}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {both.map(([when, seen]) => (
            <tr key={when}>
              <th scope="row">{when}</th>
              {FIELDS.map(([field]) => {
                const isChanged = when === 'after' && shown(before, field) !== shown(after, field);
                return (
                  <td key={field} class={isChanged ? 'changed' : ''}>
                    {shown(seen, field)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
