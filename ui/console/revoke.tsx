import { useState } from 'preact/hooks';
import { useAct } from './parts.tsx';
import { Field } from './send.tsx';
import { asking } from './session.ts';

/** Whose admin may revoke. */
export const REVOKES = 'mailbox.admin';
const NONCE = /^[0-9A-HJKMNP-TV-Z]{26}$/;
const LAST = 6;

/** Ends a capability and all that was made from it, here and at once, for good. */
export function Revoke({ nonces }: { nonces: readonly string[] }) {
  const [nonce, setNonce] = useState('');
  const [reason, setReason] = useState('');
  const [typed, type] = useState('');
  const act = useAct();
  const wanted = nonce.trim();
  const isNonce = NONCE.test(wanted);
  const isSure = isNonce && reason.trim() !== '' && typed.trim() === wanted.slice(-LAST);
  const revoke = (event: Event): void => {
    event.preventDefault();
    act.run(async () => {
      await asking(['admin'], REVOKES, (client) => client.revoke({ nonce: wanted, reason: reason.trim() }));
      type('');
      return `${wanted} is revoked.`;
    });
  };
  return (
    <section class="panel" aria-labelledby="revoke">
      <h2 id="revoke">Revoke a capability</h2>
      <form class="form" onSubmit={revoke}>
        <Field label="nonce" id="revoke-nonce" value={nonce} onInput={setNonce} />
        {wanted !== '' && !isNonce && <p class="note">A nonce is 26 letters and digits.</p>}
        {isNonce && (
          <>
            <p role="status">
              Whoever holds it, or anything that was made narrower from it, is refused from then on: polls and streams
              end, what they leased comes back when its time is over. This cannot be taken back.{' '}
              {nonces.includes(wanted) ? 'It is one of those in hand here.' : 'It is none of those in hand here.'}
            </p>
            <Field label="reason, for the log" id="revoke-reason" value={reason} onInput={setReason} />
            <Field
              label={`type its last ${LAST} characters to be sure`}
              id="revoke-sure"
              value={typed}
              onInput={type}
            />
          </>
        )}
        <button type="submit" class="danger" disabled={act.isBusy || !isSure}>
          Revoke for good
        </button>
      </form>
      {act.told}
    </section>
  );
}
