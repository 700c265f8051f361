import { useState } from 'preact/hooks';
import { DEAD_REASONS } from '../../spec/vocabulary.ts';
import { useLive } from './live.ts';
import { Age, Foreign, Fresh, Heading, Tile } from './parts.tsx';
import { Purge } from './purge.tsx';
import { RedrivePanel } from './redrive.tsx';
import { route, to } from './route.ts';
import type { Scope } from './scope.ts';
import { asking, may } from './session.ts';
import { numberText } from './text.ts';

const EVERY_MS = 3_000;
/** Looked at once, and shown at once. */
const LOOKED = '1000';
const ROWS_MAX = 100;

interface DeadRow {
  readonly msg_id: string;
  readonly idem_key: string;
  readonly reason: string | null;
  readonly attempt: number;
  readonly last_error: string | null;
  readonly dead_at: string | null;
  readonly redrives: number;
}

interface Seen {
  readonly rows: readonly DeadRow[];
  readonly isAll: boolean;
}

/** With `admin` of the topic, or with `view`: who may only look sees the same and no acts. */
async function look(topic: string): Promise<Seen> {
  if (may('admin', topic)) {
    const { dead_letters, next } = await asking(['admin'], topic, (client) =>
      client.deadLetters({ topic, limit: LOOKED }),
    );
    return { rows: dead_letters, isAll: next === null };
  }
  const { messages, next } = await asking(['view'], topic, (client) =>
    client.messages({ topic, state: 'dead_lettered', limit: LOOKED }),
  );
  return { rows: messages, isAll: next === null };
}

export function Dead() {
  const { name: topic, query } = route.value;
  const reason = DEAD_REASONS.find((one) => one === query.get('reason')) ?? null;
  const live = useLive(`dead ${topic} ${may('admin', topic)}`, EVERY_MS, () => look(topic));
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set(query.get('ids')?.split(',') ?? []));
  const { rows = [], isAll = true } = live.value ?? {};
  const there = new Set(rows.map(({ msg_id }) => msg_id));
  // What went meanwhile is not acted on.
  const ids = [...picked].filter((id) => !isAll || live.value === null || there.has(id));
  const shown = rows.filter((row) => reason === null || row.reason === reason);
  const scope: Scope = { topic, reason, ids };
  return (
    <>
      <Heading>
        Dead letters of{' '}
        <a href={to('topics', topic)}>
          <Foreign text={topic} />
        </a>
      </Heading>
      <Fresh live={live} />
      {live.value !== null && <Reasons topic={topic} rows={rows} isAll={isAll} reason={reason} />}
      {live.value !== null && may('admin', topic) && (
        <div class="split acts">
          <RedrivePanel key={topic} scope={scope} />
          <Purge key={`purge ${topic}`} scope={scope} />
        </div>
      )}
      {live.value !== null && !may('admin', topic) && (
        <p class="note">
          To put them back or delete them takes a capability with <code>admin</code> of {topic}.
        </p>
      )}
      {live.value !== null && shown.length === 0 && (
        <p class="empty">No dead letters{reason === null ? '' : ' of this reason'}.</p>
      )}
      {shown.length > 0 && (
        <Table rows={shown.slice(0, ROWS_MAX)} picked={picked} pick={setPicked} canAct={may('admin', topic)} />
      )}
      {shown.length > ROWS_MAX && (
        <p class="note">
          The oldest {ROWS_MAX} of {numberText(shown.length)}
          {isAll ? '' : ' and more'}.
        </p>
      )}
    </>
  );
}

function Reasons({
  topic,
  rows,
  isAll,
  reason,
}: {
  topic: string;
  rows: readonly DeadRow[];
  isAll: boolean;
  reason: string | null;
}) {
  const more = isAll ? '' : '+';
  return (
    <div class="tiles">
      <Tile
        label="all"
        value={`${numberText(rows.length)}${more}`}
        href={to('dead', topic)}
        isCurrent={reason === null}
      />
      {DEAD_REASONS.map((one) => (
        <Tile
          key={one}
          label={one.replace('_', ' ')}
          value={`${numberText(rows.filter((row) => row.reason === one).length)}${more}`}
          href={to('dead', topic, { reason: one })}
          isCurrent={reason === one}
        />
      ))}
    </div>
  );
}

function Table({
  rows,
  picked,
  pick,
  canAct,
}: {
  rows: readonly DeadRow[];
  picked: ReadonlySet<string>;
  pick: (picked: ReadonlySet<string>) => void;
  canAct: boolean;
}) {
  const toggle = (id: string): void => {
    const next = new Set(picked);
    if (!next.delete(id)) next.add(id);
    pick(next);
  };
  return (
    <table class="list">
      <thead>
        <tr>
          {canAct && <th scope="col">pick</th>}
          <th scope="col">message</th>
          <th scope="col">key</th>
          <th scope="col">reason</th>
          <th scope="col" class="number">
            attempts
          </th>
          <th scope="col" class="number">
            put back
          </th>
          <th scope="col" class="number">
            dead for
          </th>
          <th scope="col">last error</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.msg_id}>
            {canAct && (
              <td data-label="pick">
                <input
                  type="checkbox"
                  aria-label={`pick ${row.msg_id}`}
                  checked={picked.has(row.msg_id)}
                  onChange={() => toggle(row.msg_id)}
                />
              </td>
            )}
            <th scope="row">
              <a class="row id" href={to('messages', row.msg_id)}>
                {row.msg_id}
              </a>
            </th>
            <td data-label="key">
              <Foreign text={row.idem_key} most={48} />
            </td>
            <td data-label="reason">{row.reason?.replace('_', ' ')}</td>
            <td class="number" data-label="attempts">
              {row.attempt}
            </td>
            <td class="number" data-label="put back">
              {row.redrives}
            </td>
            <td class="number" data-label="dead for">
              {row.dead_at !== null && <Age at={row.dead_at} />}
            </td>
            <td data-label="last error">{row.last_error !== null && <Foreign text={row.last_error} most={120} />}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
