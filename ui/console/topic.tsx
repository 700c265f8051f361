import { useEffect, useMemo, useState } from 'preact/hooks';
import { bytesOfBase64 } from '../../src/client/bytes.ts';
import type { MessageView, TopicStats } from '../../src/client/types.ts';
import { useLive } from './live.ts';
import { Age, Foreign, Fresh, Heading, Payload, State, Tile, useAct } from './parts.tsx';
import { go, replace, route, to } from './route.ts';
import { asking, holders, may } from './session.ts';
import { bytesText, countText, numberText, spanOf } from './text.ts';

const STATES = ['queued', 'leased', 'redelivered', 'dead_lettered'] as const;
const PAGE = '50';
const EVERY_MS = 3_000;
/** Messages that a search looks at before it asks whether to go on. */
const SEARCH_PAGE = '1000';
const SEARCH_PAGES = 10;
const MSG_ID = /^[0-9A-HJKMNP-TV-Z]{26}$/i;

export function Topic() {
  const { name, query } = route.value;
  const stats = useLive(`stats ${name}`, EVERY_MS, () => countsOf(name));
  const state = STATES.find((one) => one === query.get('state')) ?? null;
  return (
    <>
      <Heading>
        Topic <Foreign text={name} />
      </Heading>
      <Fresh live={stats} />
      {stats.value !== null && <Counts stats={stats.value} state={state} />}
      <p class="bar">
        {(stats.value?.dead_lettered ?? 0) > 0 && <a href={to('dead', name)}>Dead letters by reason</a>}
        {may('send', name) && <a href={to('send', '', { topic: name })}>Send a message</a>}
      </p>
      <Search topic={name} />
      <Peek key={`${name} ${state} ${query.get('cursor')}`} topic={name} state={state} cursor={query.get('cursor')} />
    </>
  );
}

/** Who may look at a topic sees it in the list of topics; who may only receive asks for this one alone. */
async function countsOf(name: string): Promise<TopicStats> {
  if (holders(LOOKS, name).length === 0 && may('recv', name))
    return asking(['recv'], name, (client) => client.stats(name));
  const asked = { prefix: name, limit: '1' };
  const { topics, down_shards = [] } = await asking(LOOKS, name, (client) => client.topics(asked));
  // The first by name of those that begin so: itself, where there is something in it.
  const [first] = topics;
  if (first?.topic === name) return first;
  if (down_shards.length === 0) return { topic: name, ...NOTHING };
  throw new Error(`What is in it may be in a shard that does not serve at the moment: ${down_shards.join(', ')}.`);
}
const LOOKS = ['stats', 'view', 'admin'] as const;
const NOTHING = { depth: 0, queued: 0, leased: 0, redelivered: 0, dead_lettered: 0, oldest_ready_ms: 0 };

function Counts({ stats, state }: { stats: TopicStats; state: string | null }) {
  const { topic } = stats;
  return (
    <div class="tiles">
      <Tile
        label="all"
        value={numberText(stats.depth + stats.dead_lettered)}
        href={to('topics', topic)}
        isCurrent={state === null}
      />
      {STATES.map((one) => (
        <Tile
          key={one}
          kind={one}
          label={one.replace('_', ' ')}
          value={numberText(stats[one])}
          href={to('topics', topic, { state: one })}
          isCurrent={state === one}
        />
      ))}
      <Tile label="the oldest waits" value={stats.oldest_ready_ms === 0 ? 'none' : spanOf(stats.oldest_ready_ms)} />
    </div>
  );
}

function Peek({
  topic,
  state,
  cursor,
}: {
  topic: string;
  state: (typeof STATES)[number] | null;
  cursor: string | null;
}) {
  const [open, setOpen] = useState<string | null>(null);
  const live = useLive(`peek ${topic} ${state} ${cursor}`, EVERY_MS, () =>
    asking(['view'], topic, (client) =>
      client.messages({
        ...{ topic, limit: PAGE },
        ...(state === null ? {} : { state }),
        ...(cursor === null ? {} : { cursor }),
      }),
    ),
  );
  const { messages = [], next = null } = live.value ?? {};
  return (
    <section aria-labelledby="peek">
      <h2 id="peek">Messages, in the order they were sent</h2>
      <p class="note">To look changes nothing: no attempt is counted, nothing is leased.</p>
      <Fresh live={live} />
      {live.value !== null && messages.length === 0 && (
        <p class="empty">None{state === null ? '' : ` is ${state.replace('_', ' ')}`}.</p>
      )}
      {messages.length > 0 && (
        <table class="list">
          <thead>
            <tr>
              <th scope="col">message</th>
              <th scope="col">key</th>
              <th scope="col">state</th>
              <th scope="col" class="number">
                attempt
              </th>
              <th scope="col" class="number">
                sent
              </th>
              <th scope="col" class="number">
                due
              </th>
              <th scope="col">payload</th>
            </tr>
          </thead>
          {messages.map((m) => (
            <Row
              key={m.msg_id}
              message={m}
              isOpen={open === m.msg_id}
              toggle={() => setOpen(open === m.msg_id ? null : m.msg_id)}
            />
          ))}
        </table>
      )}
      <p class="bar">
        {cursor !== null && <a href={to('topics', topic, { state })}>First page</a>}
        {next !== null && <a href={to('topics', topic, { state, cursor: next })}>Next page</a>}
      </p>
    </section>
  );
}

function Row({ message: m, isOpen, toggle }: { message: MessageView; isOpen: boolean; toggle: () => void }) {
  return (
    <tbody>
      <tr>
        <th scope="row">
          <a class="row id" href={to('messages', m.msg_id)}>
            {m.msg_id}
          </a>
        </th>
        <td data-label="key">
          <Foreign text={m.idem_key} most={48} />
        </td>
        <td data-label="state">
          <State name={m.state} />
          {m.reason === null ? '' : <span class="note"> {m.reason.replace('_', ' ')}</span>}
        </td>
        <td class="number" data-label="attempt">
          {m.attempt}
        </td>
        <td class="number" data-label="sent">
          <Age at={m.ts} />
        </td>
        <td class="number" data-label="due">
          {m.until_in_ms === null ? '' : m.until_in_ms === 0 ? 'now' : spanOf(m.until_in_ms)}
        </td>
        <td data-label="payload">
          {m.payload_bytes === null ? (
            'gone'
          ) : (
            <button type="button" aria-expanded={isOpen} onClick={toggle}>
              {isOpen ? 'hide' : 'peek'} {bytesText(m.payload_bytes)}
            </button>
          )}
        </td>
      </tr>
      {isOpen && (
        <tr class="opened">
          <td colSpan={7}>
            <Peeked topic={m.topic} msgId={m.msg_id} />
          </td>
        </tr>
      )}
    </tbody>
  );
}

function Peeked({ topic, msgId }: { topic: string; msgId: string }) {
  const live = useLive(`payload ${msgId}`, 30_000, () =>
    asking(['view'], topic, (client) => client.message(msgId, { include: 'payload' })),
  );
  const payload = live.value?.message?.payload_b64;
  const bytes = useMemo(() => (payload === undefined ? null : bytesOfBase64(payload)), [payload]);
  return (
    <>
      <Fresh live={live} />
      {bytes !== null && <Payload bytes={bytes} />}
      {live.value !== null && bytes === null && <p class="note">It is gone, or its bytes do not hold.</p>}
    </>
  );
}

interface Found {
  readonly messages: readonly MessageView[];
  readonly looked: number;
  readonly next: string | null;
}

function Search({ topic }: { topic: string }) {
  const { query } = route.value;
  const [text, setText] = useState(query.get('find') ?? '');
  const [found, setFound] = useState<Found | null>(null);
  const act = useAct();
  const search = (from: Found | null): void => {
    const sought = text.trim();
    if (MSG_ID.test(sought)) return go(to('messages', sought.toUpperCase()));
    replace(to('topics', topic, { ...Object.fromEntries(query), find: sought }));
    if (sought === '') return setFound(null);
    act.run(async () => {
      setFound(await searched(topic, sought, from));
      return null;
    });
  };
  // Whoever was sent the address sees what was found.
  useEffect(() => {
    if (text !== '') search(null);
  }, []);
  return (
    <form
      class="controls"
      onSubmit={(event) => {
        event.preventDefault();
        search(null);
      }}
    >
      <label>
        key or id{' '}
        <input
          id="find"
          value={text}
          spellcheck={false}
          autocomplete="off"
          onInput={(event) => {
            setText(event.currentTarget.value);
            setFound(null);
          }}
        />
      </label>
      <button type="submit" disabled={act.isBusy}>
        {act.isBusy ? 'searching…' : 'search'}
      </button>
      {act.told}
      {found !== null && (
        <div class="found" role="status">
          {found.messages.length === 0 ? 'No key has it' : countText(found.messages.length, 'message')}, of{' '}
          {numberText(found.looked)} looked at{found.next === null ? '' : ' so far'}.{' '}
          {found.next !== null && (
            <button type="button" onClick={() => search(found)}>
              go on
            </button>
          )}
          <ul>
            {found.messages.slice(0, 50).map((m) => (
              <li key={m.msg_id}>
                <a class="id" href={to('messages', m.msg_id)}>
                  {m.msg_id}
                </a>{' '}
                <Foreign text={m.idem_key} most={64} /> <State name={m.state} />
              </li>
            ))}
          </ul>
        </div>
      )}
    </form>
  );
}

/** Messages whose key has this text in it, page after page. Only those that are not over are there to be found. */
async function searched(topic: string, sought: string, from: Found | null): Promise<Found> {
  const found = [...(from?.messages ?? [])];
  let looked = from?.looked ?? 0;
  let cursor = from?.next ?? undefined;
  for (let page = 0; page < SEARCH_PAGES; page++) {
    const asked = { topic, limit: SEARCH_PAGE, ...(cursor === undefined ? {} : { cursor }) };
    const { messages, next } = await asking(['view'], topic, (client) => client.messages(asked));
    looked += messages.length;
    found.push(...messages.filter(({ idem_key }) => idem_key.includes(sought)));
    if (next === null || found.length >= 50) return { messages: found, looked, next };
    cursor = next;
  }
  return { messages: found, looked, next: cursor ?? null };
}
