import { useState } from 'preact/hooks';
import { bytesOfBase64, utf8 } from '../../src/client/bytes.ts';
import { Heading, useAct } from './parts.tsx';
import { route, to } from './route.ts';
import { asking, holders } from './session.ts';
import { bytesText, countText } from './text.ts';

interface Draft {
  topic: string;
  key: string;
  payload: string;
  isBase64: boolean;
  attrs: string;
  delayS: string;
  ttlS: string;
}

const freshKey = (): string => `console-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`;

/** Sends one message; what will be sent is said before. */
export function Send() {
  const topics = holders(['send']).flatMap(({ capability }) => capability.topics);
  const [draft, set] = useState<Draft>({
    ...{ topic: route.value.query.get('topic') ?? topics[0] ?? '', key: freshKey(), payload: '' },
    ...{ isBase64: false, attrs: '', delayS: '', ttlS: '' },
  });
  const act = useAct();
  const change = (part: Partial<Draft>): void => set({ ...draft, ...part });
  const made = messageOf(draft);
  const send = (event: Event): void => {
    event.preventDefault();
    if (typeof made === 'string') return;
    act.run(async () => {
      const { msg_id, duplicate } = await asking(['send'], draft.topic, (client) => client.sendBytes(made));
      if (!duplicate) change({ key: freshKey() });
      return (
        <>
          {duplicate ? 'It was there before: ' : 'Accepted, and durable: '}
          <a class="id" href={to('messages', msg_id)}>
            {msg_id}
          </a>
        </>
      );
    });
  };
  return (
    <>
      <Heading>Send a message</Heading>
      <form class="form" onSubmit={send}>
        <Field label="topic" id="topic" value={draft.topic} onInput={(topic) => change({ topic })} />
        <Field
          label="key"
          id="key"
          value={draft.key}
          onInput={(key) => change({ key })}
          note="The same key with the same payload is the same message, however often it is sent."
        />
        <div class="field">
          <label for="payload">payload</label>
          <textarea
            id="payload"
            rows={8}
            spellcheck={false}
            value={draft.payload}
            onInput={(event) => change({ payload: event.currentTarget.value })}
          />
          <label class="tick">
            <input
              type="checkbox"
              checked={draft.isBase64}
              onChange={(event) => change({ isBase64: event.currentTarget.checked })}
            />{' '}
            it is base64, for bytes that are no text
          </label>
        </div>
        <div class="field">
          <label for="attrs">attributes, one a line: name=value</label>
          <textarea
            id="attrs"
            rows={2}
            spellcheck={false}
            value={draft.attrs}
            onInput={(event) => change({ attrs: event.currentTarget.value })}
          />
        </div>
        <div class="pair">
          <Field
            label="not before, seconds from now"
            id="delay"
            value={draft.delayS}
            onInput={(delayS) => change({ delayS })}
          />
          <Field label="given up after, seconds" id="ttl" value={draft.ttlS} onInput={(ttlS) => change({ ttlS })} />
        </div>
        <p class="preview" id="preview">
          {typeof made === 'string'
            ? made
            : `Puts one message of ${bytesText(made.payload.length)} and ${countText(Object.keys(made.attrs ?? {}).length, 'attribute')} into ${draft.topic}.`}
        </p>
        <button class="main" type="submit" disabled={act.isBusy || typeof made === 'string'} aria-describedby="preview">
          {act.isBusy ? 'sending…' : 'Send'}
        </button>
        {act.told}
      </form>
    </>
  );
}

export function Field({
  label,
  id,
  value,
  onInput,
  note,
}: {
  label: string;
  id: string;
  value: string;
  onInput: (value: string) => void;
  note?: string;
}) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        value={value}
        spellcheck={false}
        autocomplete="off"
        aria-describedby={note === undefined ? undefined : `${id}-note`}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      {note !== undefined && (
        <p class="note" id={`${id}-note`}>
          {note}
        </p>
      )}
    </div>
  );
}

/** What is to be sent, or why that is nothing yet. The server has the last word. */
function messageOf(draft: Draft) {
  const { topic, key, payload, isBase64 } = draft;
  if (topic === '') return 'The topic is missing.';
  if (key === '') return 'The key is missing.';
  const attrs: Record<string, string> = {};
  for (const line of draft.attrs.split('\n').filter((text) => text.trim() !== '')) {
    const [, name, value] = /^\s*([a-z0-9._-]{1,64})=(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) return `attributes: “${line.slice(0, 40)}” is no name=value`;
    attrs[name] = value;
  }
  const [delay, ttl] = [secondsOf('not before', draft.delayS), secondsOf('given up after', draft.ttlS)];
  if (typeof delay === 'string') return delay;
  if (typeof ttl === 'string') return ttl;
  const bytes = isBase64 ? base64Of(payload) : utf8(payload);
  if (bytes === null) return 'payload: this is no base64';
  return {
    ...{ topic, idem_key: key, payload: bytes },
    ...(Object.keys(attrs).length === 0 ? {} : { attrs }),
    ...(delay === null ? {} : { delay_ms: delay }),
    ...(ttl === null ? {} : { ttl_ms: ttl }),
  };
}

function secondsOf(name: string, text: string): number | string | null {
  if (text.trim() === '') return null;
  const seconds = Number(text);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.round(seconds * 1000) : `${name}: a number of seconds`;
}

function base64Of(text: string): Uint8Array | null {
  try {
    return bytesOfBase64(text.replace(/\s/g, ''));
  } catch {
    return null;
  }
}
