import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { MailboxError } from '../../src/client/error.ts';
import type { Live } from './live.ts';
import { modeOf, PAYLOAD_MODES, type PayloadMode, SHOWN_BYTES, SHOWN_BYTES_MAX, shownAs } from './payload.ts';
import { to } from './route.ts';
import { NotAllowed } from './session.ts';
import { bytesText, cut, piecesOf, spanOf } from './text.ts';

const CHARS = 200;

/** A text that a stranger wrote: what cannot be seen is spelt out, and its direction stays inside it. */
export function Foreign({ text, most = CHARS }: { text: string; most?: number }) {
  const shown = cut(text, most);
  return (
    <bdi class="foreign" title={shown === text ? undefined : `${text.length} characters`}>
      {pieces(shown, false)}
    </bdi>
  );
}

const pieces = (text: string, keepsLines: boolean) =>
  piecesOf(text, keepsLines).map((piece, i) =>
    piece.isEscape ? (
      <span key={i} class="escape">
        {piece.text}
      </span>
    ) : (
      piece.text
    ),
  );

/** The heading of a page; where the page has changed, readers begin here. */
export function Heading({ children }: { children: ComponentChildren }) {
  const own = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (document.activeElement === document.body || document.activeElement === null) own.current?.focus();
  }, []);
  return (
    <h1 ref={own} tabIndex={-1}>
      {children}
    </h1>
  );
}

/** What went wrong, and what the one who reads it can do. An act is not tried again by itself, as a look is. */
export function Trouble({ error, isOfAct = false }: { error: unknown; isOfAct?: boolean }) {
  if (error === null || error === undefined) return null;
  return (
    <div class="trouble" role="alert">
      {error instanceof MailboxError ? (
        <Refusal error={error} isOfAct={isOfAct} />
      ) : (
        <p>{error instanceof Error ? error.message : `${error}`}</p>
      )}
      {error instanceof NotAllowed && (
        <p>
          <a href={to('capabilities')}>Add a capability</a> that does.
        </p>
      )}
    </div>
  );
}

function Refusal({ error, isOfAct }: { error: MailboxError; isOfAct: boolean }) {
  const { code, reason, corrId, status } = error;
  return (
    <>
      <p>
        <strong>
          {code}
          {reason === null ? '' : ` ${reason}`}
        </strong>{' '}
        <Foreign text={error.message} most={500} />
      </p>
      {code === 'E_CAP_AUTH' && (
        <p>
          The server takes this capability no more. <a href={to('capabilities')}>Give it another</a>.
        </p>
      )}
      {code === 'E_NOT_FOUND' && <p>Nothing of that name, nothing you may see, or a route that is not served here.</p>}
      {status === 0 && (
        <p>No answer came. {isOfAct ? 'It may have been done, or not.' : 'It is asked again by itself.'}</p>
      )}
      {corrId !== null && (
        <p class="note">
          The log knows it as <code>{corrId}</code>
        </p>
      )}
    </>
  );
}

/** The state of something live: loading, trouble, or how old what is shown is. */
export function Fresh({ live }: { live: Live<unknown> }) {
  return (
    <>
      <Trouble error={live.error} />
      {live.value === null && live.error === null && <p class="note">Asking…</p>}
      {live.value !== null && live.error !== null && (
        <p class="note">What is below is of {new Date(live.atMs).toLocaleTimeString()}.</p>
      )}
    </>
  );
}

/** The name of a state, in its colour. */
export const State = ({ name }: { name: string }) => <span class={`state ${name}`}>{name.replaceAll('_', ' ')}</span>;

/** How long ago. */
export const Age = ({ at }: { at: string }) => (
  <time dateTime={at} title={at}>
    {spanOf(Date.now() - Date.parse(at))}
  </time>
);

/** A share of something, drawn and said. */
export function Tile({
  label,
  value,
  href,
  isCurrent = false,
  kind = '',
}: {
  label: string;
  value: string;
  href?: string;
  isCurrent?: boolean;
  kind?: string;
}) {
  const inside = (
    <>
      <span class="value">{value}</span>
      <span class="label">{label}</span>
    </>
  );
  return href === undefined ? (
    <div class={`tile ${kind}`}>{inside}</div>
  ) : (
    <a class={`tile ${kind}`} href={href} aria-current={isCurrent ? 'true' : undefined}>
      {inside}
    </a>
  );
}

/** A payload as text, JSON or hex; by itself as what reads best. It is read once, and not each time the page around it is drawn anew. */
export function Payload({ bytes }: { bytes: Uint8Array }) {
  const [chosen, choose] = useState<PayloadMode | null>(null);
  const [isLong, setLong] = useState(false);
  const best = useMemo(() => modeOf(bytes), [bytes]);
  const mode = chosen ?? best;
  const most = isLong ? SHOWN_BYTES_MAX : SHOWN_BYTES;
  const shown = useMemo(() => <Shown mode={mode} text={shownAs(mode, bytes, most)} />, [mode, bytes, most]);
  return (
    <div class="payload">
      <fieldset class="bar" aria-label="Shown as">
        {PAYLOAD_MODES.map((one) => (
          <button type="button" key={one} aria-pressed={one === mode} onClick={() => choose(one)}>
            {one === 'json' ? 'JSON' : one}
          </button>
        ))}
        <span class="note">{bytesText(bytes.length)}</span>
      </fieldset>
      {shown}
      {bytes.length > most && (
        <p class="note">
          The first {bytesText(most)} of {bytesText(bytes.length)}.{' '}
          {!isLong && (
            <button type="button" onClick={() => setLong(true)}>
              show more
            </button>
          )}
        </p>
      )}
    </div>
  );
}

const Shown = ({ mode, text }: { mode: PayloadMode; text: string | null }) =>
  text === null ? (
    <p class="note">This is no JSON.</p>
  ) : (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <pre tabIndex={0} class={mode}>
      {text === '' ? <span class="note">(empty)</span> : pieces(text, true)}
    </pre>
  );

/**
 * An act: tells while it goes on, and what came of it. Its button can be pressed once, and by then the browser has taken the focus from it:
 * that is given back, or goes to what came of the act, for letters that are typed at no place lead to other pages.
 */
export function useAct() {
  const [state, set] = useState<{ isBusy: boolean; error: unknown; done: ComponentChildren }>({
    ...{ isBusy: false, error: null, done: null },
  });
  const from = useRef<Element | null>(null);
  const told = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    const { activeElement } = document;
    if (state.isBusy || from.current === null) return;
    const before = from.current as HTMLElement;
    from.current = null;
    if (activeElement !== null && activeElement !== document.body && !activeElement.matches(':disabled')) return;
    if (before.isConnected && !before.matches(':disabled')) before.focus();
    else told.current?.focus();
  }, [state]);
  const run = (work: () => Promise<ComponentChildren>): void => {
    from.current = document.activeElement;
    set({ isBusy: true, error: null, done: null });
    work().then(
      (done) => set({ isBusy: false, error: null, done }),
      (error: unknown) => set({ isBusy: false, error, done: null }),
    );
  };
  const Told = () => (
    <>
      <Trouble error={state.error} isOfAct />
      <p ref={told} class="done" role="status" tabIndex={-1}>
        {state.done}
      </p>
    </>
  );
  return { isBusy: state.isBusy, run, told: Told() };
}
