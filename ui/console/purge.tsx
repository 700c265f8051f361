import { useState } from 'preact/hooks';
import { useAct } from './parts.tsx';
import { type Scope, scopeText } from './scope.ts';
import { Field } from './send.tsx';
import { asking } from './session.ts';
import { countText, numberText } from './text.ts';

/** Looked at for a preview, and deleted at most by one act. */
const PREVIEW_MAX = 10_000;
const PAGE = 1000;

interface Preview {
  readonly key: string;
  readonly ids: readonly string[];
  readonly isAll: boolean;
}

/** Deletes for good: those, and only those, that the preview counted. */
export function Purge({ scope }: { scope: Scope }) {
  const [hours, setHours] = useState('');
  const [typed, type] = useState('');
  const [preview, setPreview] = useState<Preview | null>(null);
  const act = useAct();
  const key = JSON.stringify([scope, hours]);
  const counted = preview?.key === key ? preview : null;
  const isSure = counted !== null && counted.ids.length > 0 && typed.trim() === scope.topic;
  const count = (): void =>
    act.run(async () => {
      setPreview({ key, ...(await idsOf(scope, hours)) });
      return null;
    });
  const purge = ({ ids }: Preview): void =>
    act.run(async () => {
      let purged = 0;
      for (let at = 0; at < ids.length; at += PAGE) {
        const msg_ids = ids.slice(at, at + PAGE);
        purged += (await asking(['admin'], scope.topic, (client) => client.purge({ topic: scope.topic, msg_ids })))
          .purged;
      }
      setPreview(null);
      type('');
      return `Deleted ${numberText(purged)} of ${numberText(ids.length)}.`;
    });
  return (
    <section class="panel" aria-labelledby="purge">
      <h2 id="purge">Delete for good</h2>
      <p>Which: {scopeText(scope)}.</p>
      <Field label="dead for at least, hours" id="hours" value={hours} onInput={setHours} />
      <p class="bar">
        <button type="button" disabled={act.isBusy} onClick={count}>
          Count what it would delete
        </button>
      </p>
      {counted !== null && (
        <>
          <p role="status">
            It would delete {countText(counted.ids.length, 'dead letter')} and no other
            {counted.isAll ? '' : `; there are more, which another time takes`}.
          </p>
          {counted.ids.length > 0 && (
            <Field label={`type ${scope.topic} to be sure`} id="sure" value={typed} onInput={type} />
          )}
          <button type="button" class="danger" disabled={act.isBusy || !isSure} onClick={() => purge(counted)}>
            Delete {numberText(counted.ids.length)} for good
          </button>
        </>
      )}
      {act.told}
    </section>
  );
}

async function idsOf({ topic, reason, ids: picked }: Scope, hours: string): Promise<Omit<Preview, 'key'>> {
  const atLeastMs = hours.trim() === '' ? 0 : Number(hours) * 3_600_000;
  if (!(atLeastMs >= 0)) throw new Error('dead for at least: a number of hours');
  const untilMs = Date.now() - atLeastMs;
  const ids: string[] = [];
  const isPicked = new Set(picked);
  let cursor: string | undefined;
  for (let looked = 0; looked < PREVIEW_MAX; looked += PAGE) {
    const asked = {
      ...{ topic, limit: String(PAGE) },
      ...(reason === null ? {} : { reason }),
      ...(cursor === undefined ? {} : { cursor }),
    };
    const { dead_letters, next } = await asking(['admin'], topic, (client) => client.deadLetters(asked));
    for (const { msg_id, dead_at } of dead_letters) {
      if (Date.parse(dead_at) <= untilMs && (picked.length === 0 || isPicked.has(msg_id))) ids.push(msg_id);
    }
    if (next === null) return { ids, isAll: true };
    cursor = next;
  }
  return { ids, isAll: false };
}
