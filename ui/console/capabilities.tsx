import { useState } from 'preact/hooks';
import { type Capability, tokensIn } from './capability.ts';
import { Narrow } from './narrow.tsx';
import { Heading } from './parts.tsx';
import { REVOKES, Revoke } from './revoke.tsx';
import { forget, HELD_MAX, type Held, held, hold, may } from './session.ts';
import { countText, spanOf } from './text.ts';

/** Paste capabilities, and see what they say of themselves. */
export function Capabilities() {
  return (
    <>
      <Heading>{held.value.length === 0 ? 'Connect' : 'Capabilities'}</Heading>
      <Paste />
      {held.value.length > 0 && (
        <section aria-label="In hand">
          <ul class="cards">
            {held.value.map((one) => (
              <li key={one.number}>
                <Card one={one} />
              </li>
            ))}
          </ul>
          <p>
            <button type="button" onClick={() => forget(null)}>
              Forget {held.value.length === 1 ? 'it' : 'all of them'}
            </button>
          </p>
        </section>
      )}
      {may('admin', REVOKES) && <Revoke nonces={held.value.map(({ capability }) => capability.nonce)} />}
    </>
  );
}

function Paste() {
  const [text, setText] = useState('');
  const [said, say] = useState('');
  const add = (event: Event): void => {
    event.preventDefault();
    const tokens = tokensIn(text, HELD_MAX);
    const wrong =
      tokens.length === 0
        ? 'There is no capability in this text.'
        : (tokens.map(hold).find((one) => one !== null) ?? '');
    say(wrong);
    if (wrong === '') setText('');
  };
  return (
    <form class="paste" onSubmit={add}>
      <label for="token">Paste one or more capabilities</label>
      <textarea
        id="token"
        rows={3}
        value={text}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        aria-describedby="token-note token-wrong"
        aria-invalid={said !== ''}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && !event.shiftKey) add(event);
        }}
      />
      <p id="token-wrong" class="wrong" role="alert">
        {said}
      </p>
      <p id="token-note" class="note">
        They stay in the memory of this page, and a reload forgets them. To look takes role <code>viewer</code>; dead
        letters take <code>admin</code> of their topic; to send takes <code>send</code>. An act uses the first that
        allows it.
      </p>
      <button class="main" type="submit">
        {held.value.length === 0 ? 'Connect' : 'Add'}
      </button>
    </form>
  );
}

function Card({ one }: { one: Held }) {
  const { capability: c, refused } = one;
  const leftMs = c.expiresS * 1000 - Date.now();
  return (
    <article class={`card ${refused !== null || leftMs <= 0 ? 'over' : ''}`} aria-label={`Capability ${c.nonce}`}>
      <h2>
        {c.ops.length === 0 ? 'allows nothing' : c.ops.join(', ')} <span class="note">of</span> {topicsText(c)}
      </h2>
      {refused !== null && <p class="wrong">The server refused it: {refused}</p>}
      <dl>
        <dt>expires</dt>
        <dd>{expiryText(c, leftMs)}</dd>
        {c.notBeforeS * 1000 > Date.now() && (
          <>
            <dt>not before</dt>
            <dd>{new Date(c.notBeforeS * 1000).toLocaleString()}</dd>
          </>
        )}
        <dt>quota</dt>
        <dd>{c.quotas.join('; ') || 'none said'}</dd>
        <dt>nonce</dt>
        <dd>
          <code>{c.nonce}</code>
        </dd>
        <dt>root key</dt>
        <dd>
          <code>{c.keyId}</code> {c.format}
        </dd>
      </dl>
      <details>
        <summary>{countText(c.caveats.length, 'caveat')}, as they stand in it</summary>
        <ul class="caveats">
          {c.caveats.map((line, i) => (
            <li key={i}>
              <code>{line}</code>
            </li>
          ))}
        </ul>
      </details>
      {refused === null && leftMs > 0 && c.ops.length > 0 && <Narrow one={one} />}
      <button type="button" onClick={() => forget(one)}>
        Forget this one
      </button>
    </article>
  );
}

const topicsText = ({ topics, prefixes }: Capability): string =>
  [...new Set([...topics, ...prefixes.map((prefix) => `${prefix}…`)])].join(' and ') || 'every topic';

const expiryText = ({ expiresS }: Capability, leftMs: number): string =>
  !Number.isFinite(expiresS)
    ? 'nothing said'
    : leftMs <= 0
      ? `it has, ${spanOf(-leftMs)} ago`
      : `in ${spanOf(leftMs)}, ${new Date(expiresS * 1000).toLocaleString()}`;
