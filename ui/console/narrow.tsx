import { useState } from 'preact/hooks';
import { OPS, type Op } from '../../spec/vocabulary.ts';
import { attenuate } from '../../src/client/attenuate.ts';
import { type Capability, covers, decode } from './capability.ts';
import { Field } from './send.tsx';
import { type Held, hold } from './session.ts';
import { countText } from './text.ts';

/** What is asked for, as it stands in the fields. */
interface Asked {
  readonly ops: readonly Op[];
  readonly topic: string;
  readonly hours: string;
  readonly requests: string;
  readonly seconds: string;
}

/** Makes a narrower capability in the page: no key, no request; what it will allow is said before it is made. */
export function Narrow({ one }: { one: Held }) {
  const { capability } = one;
  const [asked, ask] = useState<Asked>({ ops: capability.ops, topic: '', hours: '', requests: '', seconds: '60' });
  const [made, setMade] = useState('');
  const [said, say] = useState('');
  const change = (more: Partial<Asked>): void => {
    ask({ ...asked, ...more });
    setMade('');
    say('');
  };
  const id = (name: string): string => `${name}-${one.number}`;
  const narrowed = narrowedBy(one, asked);
  const make = (event: Event): void => {
    event.preventDefault();
    if (typeof narrowed !== 'string') setMade(narrowed.token);
  };
  return (
    <details class="narrow">
      <summary>Make a narrower one</summary>
      <form class="form" onSubmit={make}>
        <fieldset class="bar">
          <legend>allows</legend>
          {OPS.filter((op) => capability.ops.includes(op)).map((op) => (
            <label key={op}>
              <input
                type="checkbox"
                checked={asked.ops.includes(op)}
                onChange={(event) =>
                  change({
                    ops: OPS.filter((each) => (each === op ? event.currentTarget.checked : asked.ops.includes(each))),
                  })
                }
              />{' '}
              {op}
            </label>
          ))}
        </fieldset>
        <Field
          label="topic, or the beginning of one with * at its end"
          id={id('topic')}
          value={asked.topic}
          onInput={(topic) => change({ topic })}
        />
        <Field label="ends in, hours" id={id('hours')} value={asked.hours} onInput={(hours) => change({ hours })} />
        <Field
          label="requests at most"
          id={id('requests')}
          value={asked.requests}
          onInput={(requests) => change({ requests })}
        />
        <Field
          label="in so many seconds"
          id={id('seconds')}
          value={asked.seconds}
          onInput={(seconds) => change({ seconds })}
        />
        {typeof narrowed === 'string' ? (
          <p class="note">{narrowed}</p>
        ) : (
          <>
            <p role="status">It will allow {allows(narrowed.capability)}.</p>
            <ul class="caveats">
              {narrowed.lines.map((line) => (
                <li key={line}>
                  <code>{line}</code>
                </li>
              ))}
            </ul>
          </>
        )}
        <button type="submit" disabled={typeof narrowed === 'string'}>
          Make it
        </button>
      </form>
      {made !== '' && (
        <section aria-label="The narrower capability">
          <textarea
            readOnly
            rows={3}
            value={made}
            aria-label="The narrower capability"
            onFocus={(event) => event.currentTarget.select()}
          />
          <p class="note">
            Whoever has this text can do what it allows. It counts against the quotas of the one it was made from too,
            and ends when that one is revoked.
          </p>
          <p class="bar">
            <button
              type="button"
              onClick={() =>
                navigator.clipboard.writeText(made).then(
                  () => say('Copied.'),
                  () => say('Select it and copy it: this page may not.'),
                )
              }
            >
              Copy
            </button>
            <button type="button" onClick={() => say(hold(made) ?? 'It is in hand here too.')}>
              Take it in hand here
            </button>
          </p>
          <p class="done" role="status">
            {said}
          </p>
        </section>
      )}
    </details>
  );
}

interface Narrowed {
  readonly lines: readonly string[];
  readonly token: string;
  readonly capability: Capability;
}

/** The narrower one, or why there is none. */
function narrowedBy({ capability, token }: Held, { ops, topic, hours, requests, seconds }: Asked): Narrowed | string {
  const lines: string[] = [];
  if (ops.length === 0) return 'It would allow nothing.';
  if (ops.length < capability.ops.length) lines.push(`op = ${ops.join(',')}`);
  if (topic.trim() !== '') {
    const [, name = '', star = ''] = TOPIC.exec(topic.trim()) ?? [];
    if (name === '') return 'topic: 1..128 of a-z 0-9 . _ : -, a letter or digit first';
    if (star !== '' && ops.includes('admin')) return 'topic: with admin it is one topic, not the beginning of many';
    if (star !== '' ? !meets(capability, name) : !covers(capability, name)) return 'topic: not one of those it is for';
    lines.push(star === '' ? `topic = ${name}` : `topic prefix ${name}`);
  }
  if (hours.trim() !== '') {
    const s = Math.floor(Date.now() / 1000 + Number(hours) * 3600);
    if (!(Number(hours) > 0) || s > capability.expiresS) return 'ends in: a number of hours, before it ends itself';
    lines.push(`expires = ${s}`);
  }
  if (requests.trim() !== '') {
    if (!/^[1-9][0-9]{0,14}$/.test(requests.trim())) return 'requests: a whole number';
    if (!/^[1-9][0-9]{0,6}$/.test(seconds.trim())) return 'seconds: a whole number up to 9,999,999';
    lines.push(`quota_ops = ${requests.trim()}/${seconds.trim()}`);
  }
  if (lines.length === 0) return 'Nothing is narrower yet.';
  try {
    const made = attenuate(token, lines);
    return { lines, token: made, capability: decode(made) as Capability };
  } catch (error) {
    return (error as Error).message;
  }
}
const TOPIC = /^([a-z0-9][a-z0-9._:-]{0,127})(\*?)$/;

/** Some topic begins so and is one of those it is for. */
const meets = ({ topics, prefixes }: Capability, begin: string): boolean =>
  topics.every((one) => one.startsWith(begin)) &&
  prefixes.every((prefix) => prefix.startsWith(begin) || begin.startsWith(prefix));

const allows = ({ ops, topics, prefixes, expiresS, quotas }: Capability): string => {
  // All of them hold: of several beginnings the longest says it, and a topic is within all of them.
  const [longest] = prefixes.toSorted((one, other) => other.length - one.length);
  const of = topics[0] ?? (longest === undefined ? 'every topic' : `topics that begin with ${longest}`);
  const until = Number.isFinite(expiresS) ? `, until ${new Date(expiresS * 1000).toLocaleString()}` : '';
  return `${ops.join(', ')} of ${of}${until}, within ${countText(quotas.length, 'quota')} (${quotas.join('; ') || 'none'})`;
};
