import type { Message } from '../core/message.ts';
import { shardOf } from '../core/msg-id.ts';
import type { ShardState } from '../core/state.ts';
import { factsOf, statsOf, viewOf } from './answers.ts';
import type {
  Caller,
  MessageView,
  PeekRequest,
  Reply,
  Shown,
  ShowRequest,
  TopicStats,
  TopicsRequest,
} from './messages.ts';
import type { Happened, Timeline } from './recent-facts.ts';
import type { Spine } from './spine.ts';

/** Names, or messages, that one page looks at: a page may end before it is full, and says where to go on. */
const LOOKED_MAX = 4096;
/** Bytes of payloads and attributes in one page, as many as one recv gives of payloads; the first message always goes. */
const PAGE_BYTES = 512 * 1024;

const NOT_FOUND: Reply = { outcome: 'not_found' };
const OUT_OF_SCOPE: Reply = { outcome: 'not_found', outOfScope: true };
const PEEK_CURSOR = /^m\.([0-9a-z]+)\.([0-9]{1,9})\.([0-9]{1,15})\.([a-z_]+)\.([a-z0-9._:-]+)$/;
const TOPICS_CURSOR = /^t\.([a-z0-9][a-z0-9._:-]{0,127})$/;

const malformed = (message: string): Reply => ({ outcome: 'schema', message });
const AGAIN = 'begin again without a cursor';

/** Looks without touching (AU7): nothing here decides, moves time, or leaves a trace in a shard. */
export class Viewing {
  private readonly spine: Spine;

  constructor(spine: Spine) {
    this.spine = spine;
  }

  // ---- topics

  /** Topics that the caller may see, by name; a page goes on after the name that its cursor says, whatever came or went. */
  topics(request: TopicsRequest, caller: Caller, nowMs: number): Reply {
    const { spine } = this;
    const after = afterName(request);
    if (typeof after !== 'string') return after;
    const retryAfterMs = caller.charge(0, nowMs);
    if (retryAfterMs > 0) return { outcome: 'quota', retryAfterMs };
    for (const state of spine.shards) if (!spine.down.has(state.shard)) spine.visit(state);
    const downShards = spine.down.size === 0 ? [] : spine.down.list(nowMs).map(({ shard }) => shard);
    const page = this.topicPage(request, caller, after, nowMs);
    return { outcome: 'ok', topics: { ...page, downShards } };
  }

  private topicPage({ prefix, limit }: TopicsRequest, caller: Caller, after: string, nowMs: number) {
    const { index } = this.spine;
    const rows: TopicStats[] = [];
    const begin = longer(prefix, caller.reach ?? '');
    if (begin === null) return { rows, next: null };
    let looked = 0;
    let last = after;
    for (const name of index.namesFrom(after > begin ? after : begin)) {
      if (!name.startsWith(begin)) break;
      if (name === after) continue;
      if (rows.length >= limit || looked++ >= LOOKED_MAX) return { rows, next: `t.${last}` };
      last = name;
      if (!caller.allowsTopic(name) || !index.has(name)) continue;
      const shard = this.shardOf(name);
      if (shard !== null) rows.push(statsOf(name, shard, nowMs));
    }
    return { rows, next: null };
  }

  /** Null when it serves nothing. */
  private shardOf(topic: string): ShardState | null {
    const shard = this.spine.shardFor(topic);
    return this.spine.down.has(shard.shard) ? null : shard;
  }

  // ---- messages

  /** Messages of a topic that are not over, in the order in which they were sent. */
  peek(request: PeekRequest, caller: Caller, nowMs: number): Reply {
    const { spine } = this;
    const refusal = spine.admit(caller, request.topic, 0, nowMs);
    if (refusal !== null) return refusal;
    const shard = spine.shardFor(request.topic);
    spine.visit(shard);
    const after = this.afterSeq(request, shard);
    if (typeof after !== 'number') return after;
    const rows: MessageView[] = [];
    let looked = 0;
    let bytes = 0;
    let last = after;
    let left = after === 0 ? countOf(request, shard) : Number.POSITIVE_INFINITY;
    let next: string | null = null;
    for (const message of spine.index.after(request.topic, after)) {
      if (left === 0) break;
      const isAsked = request.state === null || message.state === request.state;
      if (isAsked) bytes += message.packedAttrs.length;
      if (isAsked && request.withPayload) bytes += message.payload?.byteLength ?? 0;
      if (rows.length >= request.limit || looked++ >= LOOKED_MAX || (bytes > PAGE_BYTES && rows.length > 0)) {
        next = this.cursorOf(request, shard, last);
        break;
      }
      last = message.seq;
      if (!isAsked) continue;
      left--;
      rows.push(this.view(shard, message, caller, nowMs, request.withPayload));
    }
    return { outcome: 'ok', peeked: { rows, next } };
  }

  private view(shard: ShardState, message: Message, caller: Caller, nowMs: number, withPayload: boolean): MessageView {
    const { spine } = this;
    const isKnown = message.deadReason === 'integrity' || message.payload === null;
    const shown = withPayload && !isKnown && spine.isShown(shard, message, caller);
    return viewOf(message, shard.shard, spine.instantOf(message.deadAtMs), nowMs, shown);
  }

  private cursorOf({ topic, state }: PeekRequest, { shard }: ShardState, seq: number): string {
    const { recent, index } = this.spine;
    return `m.${recent.originName}.${index.generationOf(shard)}.${seq}.${state ?? 'any'}.${topic}`;
  }

  /** The number that a cursor of a peek says; 0 for none. */
  private afterSeq({ cursor, topic, state }: PeekRequest, { shard, lastSeq }: ShardState): number | Reply {
    if (cursor === null) return 0;
    const match = PEEK_CURSOR.exec(cursor);
    if (match === null) return malformed('cursor: not the `next` of a page of messages');
    const [, began, generation, seq, ofState, ofTopic] = match;
    if (ofTopic !== topic || ofState !== (state ?? 'any'))
      return malformed(`cursor: of another topic or state; ${AGAIN}`);
    const { recent, index } = this.spine;
    if (began !== recent.originName || Number(generation) !== index.generationOf(shard))
      return { outcome: 'cursor_gone', message: `cursor: of before a restart; ${AGAIN}` };
    return Number(seq) <= lastSeq ? Number(seq) : malformed(`cursor: of no message here; ${AGAIN}`);
  }

  // ---- one message

  /** A message and what happened to it; one that is over is known by its facts for as long as these are remembered. */
  show(request: ShowRequest, caller: Caller, nowMs: number): Reply {
    // Before anything is looked for: what is there must not cost another thing than what is not.
    const retryAfterMs = caller.charge(0, nowMs);
    return retryAfterMs > 0 ? { outcome: 'quota', retryAfterMs } : this.shown(request, caller, nowMs);
  }

  /** The same, charged for; `earlier`: what was read of it of before. */
  shown({ msgId, withPayload = false }: ShowRequest, caller: Caller, nowMs: number, earlier?: Earlier): Reply {
    const { spine } = this;
    const shard = spine.shards[shardOf(msgId)];
    if (shard === undefined) return NOT_FOUND;
    const down = spine.down.refusal(shard.shard, nowMs);
    if (down !== null) return down;
    spine.visit(shard);
    const message = shard.find(msgId);
    const { facts, isComplete, from } = withEarlier(
      spine.recent.of(msgId, shard.shard, spine.logOf(shard.shard)),
      spine.recent.first,
      earlier,
    );
    const topic = message?.topic.name ?? facts[0]?.topic;
    if (topic === undefined) return NOT_FOUND;
    if (!caller.allowsTopic(topic)) return OUT_OF_SCOPE;
    const view = message === undefined ? null : this.view(shard, message, caller, nowMs, withPayload);
    // Put into words when it is told: what is not durable yet has no cursor before.
    const shown: Shown = {
      ...{ message: view, isComplete },
      get timeline() {
        return factsOf(facts, spine.recent, spine.instantOf);
      },
      get from() {
        return spine.recent.cursorOf(from.n);
      },
    };
    return { outcome: 'ok', shown };
  }
}

/** What was read of a message of before what is remembered: all of it, from the fact `first` to the fact `last`. */
export interface Earlier {
  readonly facts: readonly Happened[];
  readonly first: number;
  readonly last: number;
}

/** One goes on where the other ends, or nothing is gained. */
function withEarlier(recent: Timeline, oldest: number, earlier?: Earlier): Timeline {
  if (recent.isComplete || earlier === undefined || earlier.last + 1 < oldest) return recent;
  const before = earlier.facts.filter(({ n }) => n < oldest);
  const isComplete = before[0]?.fact === 'sent';
  return {
    facts: [...before, ...recent.facts],
    isComplete,
    from: isComplete ? (before[0] as Happened) : { n: earlier.first },
  };
}

/** The name that a page begins after; empty for the first. */
function afterName({ cursor, prefix }: TopicsRequest): string | Reply {
  if (cursor === null) return '';
  const name = TOPICS_CURSOR.exec(cursor)?.[1];
  if (name === undefined) return malformed('cursor: not the `next` of a page of topics');
  return name.startsWith(prefix) ? name : malformed(`cursor: of another prefix; ${AGAIN}`);
}

/** What begins with both; null where nothing can. */
function longer(one: string, other: string): string | null {
  if (one.startsWith(other)) return one;
  return other.startsWith(one) ? other : null;
}

/** How many there are to find from the beginning on, so that nobody looks for more. */
function countOf({ topic: name, state }: PeekRequest, shard: ShardState): number {
  const topic = shard.topics.get(name);
  if (topic === undefined) return 0;
  if (state === 'dead_lettered') return topic.dead.size;
  return state === null ? Number.POSITIVE_INFINITY : topic[state];
}
