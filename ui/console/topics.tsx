import { useRef } from 'preact/hooks';
import type { TopicStats } from '../../src/client/types.ts';
import { useLive } from './live.ts';
import { Fresh, Heading } from './parts.tsx';
import { replace, route, to } from './route.ts';
import { askingWith, holders, NotAllowed } from './session.ts';
import { countText, numberText, spanOf } from './text.ts';

const PAGE = '1000';
/** Asked for at once, of each capability. */
const PAGES_MAX = 5;
/** On the screen at once. */
const ROWS_MAX = 200;
const EVERY_MS = 2_000;

const SORTS = ['trouble', 'name', 'depth', 'oldest'] as const;
type Sort = (typeof SORTS)[number];

/** What most needs somebody to look: dead letters first, then what waits long, what came back, and how much there is. */
export const troubleOf = (t: TopicStats): number =>
  4 * Math.log1p(t.dead_lettered) +
  2 * Math.log1p(t.oldest_ready_ms / 1000) +
  2 * Math.log1p(t.redelivered) +
  Math.log1p(t.depth);

const byName = (a: TopicStats, b: TopicStats): number => (a.topic < b.topic ? -1 : 1);
const ORDER: Readonly<Record<Sort, (a: TopicStats, b: TopicStats) => number>> = {
  trouble: (a, b) => troubleOf(b) - troubleOf(a) || byName(a, b),
  name: byName,
  depth: (a, b) => b.depth - a.depth || byName(a, b),
  oldest: (a, b) => b.oldest_ready_ms - a.oldest_ready_ms || byName(a, b),
};

interface Seen {
  readonly topics: readonly TopicStats[];
  readonly isAll: boolean;
  readonly downShards: readonly number[];
}

/** What all capabilities in hand may see together. */
async function look(prefix: string): Promise<Seen> {
  const found = new Map<string, TopicStats>();
  const down = new Set<number>();
  let isAll = true;
  let refused: unknown = new NotAllowed('No capability in hand allows to see topics: that takes stats, view or admin.');
  let isAnswered = false;
  for (const one of holders(['stats', 'view', 'admin'])) {
    if (one.refused !== null && isAnswered) continue;
    try {
      let cursor: string | undefined;
      for (let page = 0; ; page++) {
        const asked = {
          limit: PAGE,
          ...(prefix === '' ? {} : { prefix }),
          ...(cursor === undefined ? {} : { cursor }),
        };
        const { topics, next, down_shards = [] } = await askingWith(one, (client) => client.topics(asked));
        for (const topic of topics) found.set(topic.topic, topic);
        for (const shard of down_shards) down.add(shard);
        isAnswered = true;
        if (next === null) break;
        if (page === PAGES_MAX - 1) {
          isAll = false;
          break;
        }
        cursor = next;
      }
    } catch (error) {
      refused = error;
    }
  }
  if (!isAnswered) throw refused;
  return { topics: [...found.values()], isAll, downShards: [...down] };
}

/** Depth a second, between two looks. */
function useRates(seen: Seen | null, atMs: number): (t: TopicStats) => number {
  const kept = useRef<{ atMs: number; depth: Map<string, number>; rates: Map<string, number> }>({
    ...{ atMs: 0, depth: new Map(), rates: new Map() },
  });
  if (seen !== null && atMs !== kept.current.atMs) {
    const { atMs: beforeMs, depth } = kept.current;
    const seconds = (atMs - beforeMs) / 1000;
    const isRecent = beforeMs > 0 && seconds < 60;
    kept.current = {
      atMs,
      depth: new Map(seen.topics.map((t) => [t.topic, t.depth])),
      rates: new Map(
        seen.topics.map((t) => [t.topic, isRecent ? (t.depth - (depth.get(t.topic) ?? t.depth)) / seconds : 0]),
      ),
    };
  }
  return ({ topic }) => kept.current.rates.get(topic) ?? 0;
}

const SUMS = ['queued', 'leased', 'redelivered', 'dead_lettered'] as const;

export function Topics() {
  const { query } = route.value;
  const prefix = query.get('prefix') ?? '';
  const sort = SORTS.find((one) => one === query.get('sort')) ?? 'trouble';
  const live = useLive(`topics ${prefix}`, EVERY_MS, () => look(prefix));
  const rateOf = useRates(live.value, live.atMs);
  const { topics = [], isAll = true, downShards = [] } = live.value ?? {};
  const rows = topics.toSorted(ORDER[sort]).slice(0, ROWS_MAX);
  return (
    <>
      <Heading>Topics</Heading>
      <div class="controls">
        <label>
          begins with{' '}
          <input
            id="find"
            value={prefix}
            spellcheck={false}
            autocomplete="off"
            onInput={(event) => replace(to('topics', '', { prefix: event.currentTarget.value.trim(), sort }))}
          />
        </label>
        <label>
          sorted by{' '}
          <select
            value={sort}
            onChange={(event) => replace(to('topics', '', { prefix, sort: event.currentTarget.value }))}
          >
            {SORTS.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
        {live.value !== null && (
          <span class="note">
            {countText(topics.length, 'topic')}
            {isAll ? '' : ', and more'}
            {SUMS.map((state) => [state, topics.reduce((sum, topic) => sum + topic[state], 0)] as const)
              .filter(([, sum]) => sum > 0)
              .map(([state, sum]) => `, ${numberText(sum)} ${state.replace('_', ' ')}`)}
          </span>
        )}
      </div>
      <Fresh live={live} />
      {downShards.length > 0 && (
        <p class="trouble" role="alert">
          Shards that do not serve at the moment: {downShards.join(', ')}. Their topics are not listed.
        </p>
      )}
      {live.value !== null && rows.length === 0 && (
        <p class="empty">
          No topic with messages that these capabilities may see{prefix === '' ? '' : ' and that begins so'}.
        </p>
      )}
      {rows.length > 0 && <Table rows={rows} rateOf={rateOf} />}
      {topics.length > rows.length && (
        <p class="note">The first {ROWS_MAX} of them. Say how the others begin to see them.</p>
      )}
    </>
  );
}

function Table({ rows, rateOf }: { rows: readonly TopicStats[]; rateOf: (t: TopicStats) => number }) {
  return (
    <table class="list">
      <thead>
        <tr>
          <th scope="col">topic</th>
          <th scope="col" class="number">
            depth
          </th>
          <th scope="col" class="number">
            change a second
          </th>
          <th scope="col" class="number">
            oldest waits
          </th>
          <th scope="col" class="number">
            queued
          </th>
          <th scope="col" class="number">
            leased
          </th>
          <th scope="col" class="number">
            redelivered
          </th>
          <th scope="col" class="number">
            dead letters
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((t) => (
          <tr key={t.topic}>
            <th scope="row">
              <a class="row" href={to('topics', t.topic)}>
                {t.topic}
              </a>
            </th>
            <Cell label="depth" value={numberText(t.depth)} isNothing={t.depth === 0} />
            <Cell label="change a second" value={rateText(rateOf(t))} isNothing={rateOf(t) === 0} />
            <Cell
              label="oldest waits"
              value={t.oldest_ready_ms === 0 ? 'none' : spanOf(t.oldest_ready_ms)}
              isNothing={t.oldest_ready_ms === 0}
            />
            <Cell label="queued" value={numberText(t.queued)} isNothing={t.queued === 0} />
            <Cell label="leased" value={numberText(t.leased)} isNothing={t.leased === 0} />
            <Cell label="redelivered" value={numberText(t.redelivered)} isNothing={t.redelivered === 0} />
            <td class={`number ${t.dead_lettered === 0 ? 'nothing' : 'dead'}`} data-label="dead letters">
              {t.dead_lettered === 0 ? '0' : <a href={to('dead', t.topic)}>{numberText(t.dead_lettered)}</a>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const rateText = (rate: number): string => (rate > 0 ? `+${numberText(rate)}` : numberText(rate));

const Cell = ({ label, value, isNothing }: { label: string; value: string; isNothing: boolean }) => (
  <td class={`number ${isNothing ? 'nothing' : ''}`} data-label={label}>
    {value}
  </td>
);
