import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { FACT_OF } from '../../spec/vocabulary.ts';
import { bytesOfBase64 } from '../../src/client/bytes.ts';
import { portableCrypto } from '../../src/client/crypto.ts';
import { brokenFieldOf } from '../../src/client/integrity.ts';
import type { Fact, MessageView, Shown } from '../../src/client/types.ts';
import { Diagram } from '../lifecycle/diagram.tsx';
import { useLive } from './live.ts';
import { Age, Foreign, Fresh, Heading, Payload, State } from './parts.tsx';
import { route, to } from './route.ts';
import { asking } from './session.ts';
import { spanOf } from './text.ts';

const EVERY_MS = 2_000;

/** One message: where it is, how it came there, and what is in it. */
export function Message() {
  const msgId = route.value.name;
  // Not known before the first answer; from then on only those capabilities are asked that are for it.
  const topic = useRef<string | null>(null);
  const look = async (query?: { include: 'payload' }): Promise<Shown> => {
    const shown = await asking(['view'], topic.current, (client) => client.message(msgId, query));
    topic.current = topicOf(shown) || null;
    return shown;
  };
  const live = useLive(`message ${msgId}`, EVERY_MS, () => look());
  const payload = useLive(`payload of ${msgId}`, 60_000, () => look({ include: 'payload' }));
  return (
    <>
      <Heading>
        Message <Foreign text={msgId} />
      </Heading>
      <Fresh live={live} />
      {live.value !== null && (
        <Life
          key={msgId}
          shown={live.value}
          payload={payload.value?.message?.payload_b64 ?? null}
          isAsked={payload.value !== null}
        />
      )}
    </>
  );
}

const topicOf = ({ message, timeline }: Shown): string => message?.topic ?? timeline.at(-1)?.topic ?? '';

function Life({ shown, payload, isAsked }: { shown: Shown; payload: string | null; isAsked: boolean }) {
  const { message, timeline, is_complete } = shown;
  const [chosen, choose] = useState<number | null>(null);
  const last = timeline.at(-1);
  const at = Math.min(chosen ?? timeline.length - 1, timeline.length - 1);
  const topic = topicOf(shown);
  return (
    <>
      <p class="where">
        <State name={message?.state ?? last?.state ?? 'absent'} /> in <a href={to('topics', topic)}>{topic}</a>
        {message?.until_in_ms != null && message.until_in_ms > 0 && (
          <span class="note">
            {' '}
            {message.state === 'leased' ? 'its lease ends' : 'is given out again'} in {spanOf(message.until_in_ms)}
          </span>
        )}
        {message === null && <span class="note"> It is over: only what happened to it is remembered.</span>}
      </p>
      <div class="life">
        <section aria-labelledby="timeline">
          <h2 id="timeline">What happened to it</h2>
          {!is_complete && <p class="note">The beginning is not remembered any more: what is here is what is left.</p>}
          {timeline.length === 0 ? (
            <p class="empty">Nothing is remembered.</p>
          ) : (
            <Timeline facts={timeline} at={at} choose={choose} />
          )}
        </section>
        <Diagram
          states={timeline.slice(0, at + 1).map(({ state }) => state)}
          came={timeline.slice(0, at + 1).map(cameBy)}
        />
      </div>
      {message !== null && <Facts message={message} payload={payload} isAsked={isAsked} />}
    </>
  );
}

const EVENT_OF = new Map(Object.entries(FACT_OF).map(([event, fact]) => [fact as string, event]));
const cameBy = ({ fact }: Fact, at: number, timeline: readonly Fact[]) => {
  const event = EVENT_OF.get(fact) ?? fact;
  // Where the beginning is not known, only a send says where the message came from.
  return { from: timeline[at - 1]?.state ?? (event === 'send' ? 'absent' : ''), event };
};

function Timeline({ facts, at, choose }: { facts: readonly Fact[]; at: number; choose: (at: number) => void }) {
  return (
    <ol class="timeline">
      {facts.map((fact, i) => (
        <li key={fact.cursor}>
          <button
            type="button"
            class="step"
            aria-pressed={i === at}
            onClick={() => choose(i)}
            onFocus={() => choose(i)}
          >
            <span class="what">
              <strong>{fact.fact}</strong> <State name={fact.state} />
            </span>
            <time dateTime={fact.at}>{clockOf(fact.at)}</time>
            <span class="note since">
              {i === 0 ? '' : `+${spanOf(Date.parse(fact.at) - Date.parse(facts[i - 1]!.at))}`}
            </span>
          </button>
          <p class="why">
            {whyOf(fact)}
            {fact.last_error !== undefined && (
              <>
                {' '}
                “<Foreign text={fact.last_error} most={300} />”
              </>
            )}
          </p>
        </li>
      ))}
    </ol>
  );
}

const clockOf = (at: string): string => `${at.slice(0, 10)} ${at.slice(11, 23)}`;

/** Why the edge was taken, in words. */
function whyOf({ fact, state, reason, attempt, epoch, until }: Fact): string {
  const said = [`attempt ${attempt}, lease ${epoch}`];
  if (reason !== undefined) said.push(`reason: ${reason.replaceAll('_', ' ')}`);
  else if (fact === 'expired' && state === 'redelivered') said.push('the lease ran out');
  else if (fact === 'released') said.push('given back before anybody had it');
  // Of what is over it says nothing.
  if (until !== undefined && ['queued', 'leased', 'redelivered'].includes(state))
    said.push(`${state === 'leased' ? 'leased until' : 'not before'} ${clockOf(until)}`);
  return said.join('; ');
}

function Facts({ message: m, payload, isAsked }: { message: MessageView; payload: string | null; isAsked: boolean }) {
  const bytes = useMemo(() => (payload === null ? null : bytesOfBase64(payload)), [payload]);
  return (
    <div class="split">
      <section aria-labelledby="payload">
        <h2 id="payload">Payload</h2>
        {bytes === null && !isAsked ? (
          <p class="note">Asking…</p>
        ) : bytes === null ? (
          <p class="note">
            {m.payload_bytes === null ? 'It is not kept any more.' : 'Its bytes do not hold and are not shown.'}
          </p>
        ) : (
          <>
            <Check message={m} bytes={bytes} />
            <Payload bytes={bytes} />
          </>
        )}
      </section>
      <section aria-labelledby="envelope">
        <h2 id="envelope">Envelope</h2>
        <dl>
          <dt>key</dt>
          <dd>
            <Foreign text={m.idem_key} />
          </dd>
          <dt>sent</dt>
          <dd>
            <Age at={m.ts} /> ago, {m.ts}
          </dd>
          {Object.entries(m.attrs).map(([name, value]) => (
            <>
              <dt>{name}</dt>
              <dd>
                <Foreign text={value} most={1024} />
              </dd>
            </>
          ))}
          <dt>attempt</dt>
          <dd>
            {m.attempt}, lease {m.epoch}, put back {m.redrives} times
          </dd>
          {m.reason !== null && (
            <>
              <dt>dead because</dt>
              <dd>
                {m.reason.replaceAll('_', ' ')}; <a href={to('dead', m.topic, { ids: m.msg_id })}>put back or purge</a>
              </dd>
            </>
          )}
          {m.last_error !== null && (
            <>
              <dt>last error</dt>
              <dd>
                <Foreign text={m.last_error} most={1024} />
              </dd>
            </>
          )}
          <dt>request</dt>
          <dd>
            <code>{m.corr_id}</code>
          </dd>
          <dt>shard</dt>
          <dd>{m.shard}</dd>
          <dt>payload hash</dt>
          <dd>
            <code>{m.payload_hash}</code>
          </dd>
          <dt>hash chain</dt>
          <dd>
            <code>{m.hash_chain}</code>
          </dd>
        </dl>
      </section>
    </div>
  );
}

/** Both hashes, computed here from what came. */
function Check({ message, bytes }: { message: MessageView; bytes: Uint8Array }) {
  const [broken, setBroken] = useState<string | null | undefined>(undefined);
  // A message never changes what its hashes are of.
  useEffect(() => {
    Promise.resolve(brokenFieldOf(portableCrypto, { ...message, payload: bytes, sig: null })).then(setBroken);
  }, [message.msg_id]);
  if (broken === undefined) return null;
  return broken === null ? (
    <p class="holds">payload hash and hash chain hold, computed in this page</p>
  ) : (
    <p class="trouble" role="alert">
      {broken.replace('_', ' ')} does not hold: what came is not what was sent
    </p>
  );
}
