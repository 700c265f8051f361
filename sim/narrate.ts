import type { Fact } from '../src/core/facts.ts';
import type { ProcessFact } from '../src/ports/process-facts.ts';
import type { Delivery, Reply } from '../src/service/messages.ts';
import type { Ask, Call, Exchange } from './call.ts';
import type { Fault } from './faults/index.ts';
import { injectedOf, lastsMs } from './faults/lookup.ts';
import { fieldOf } from './faults/parameters.ts';
import type { Loop } from './loop.ts';
import { idsIn } from './replay/script.ts';
import type { Beyond } from './store.ts';
import type { ObservedWorld, RunObserver } from './watch.ts';

export const HAPPENINGS = ['call', 'arrival', 'fact', 'sync', 'reply', 'answer', 'fault', 'crash', 'start'] as const;
export type HappeningKind = (typeof HAPPENINGS)[number];

/** One thing that happened, in words. Several may belong to one step. */
export interface Happening {
  readonly step: number;
  readonly atMs: number;
  readonly kind: HappeningKind;
  /** Whose it is: `node 0`, `consumer 3`. */
  readonly lane: string;
  /** The call it belongs to, 0 for none, and the copy of its request; -1 for an answer that never came. */
  readonly call: number;
  readonly copy: number;
  readonly msgIds: readonly string[];
  readonly text: string;
  /** How long a fault lasts. */
  readonly lastsMs?: number;
  /** The fault that it is, or that hits it. */
  readonly fault?: string;
  /** What a reply or an answer says. */
  readonly outcome?: string;
}

/** Puts what happens into words. */
export abstract class Narrator implements RunObserver {
  private loop!: Loop;
  private isShared = false;
  /** Which copy of its request a reply answers. */
  private readonly copies = new WeakMap<Reply, number>();

  protected abstract tell(happening: Happening): void;

  begin(world: ObservedWorld): void {
    this.loop = world.loop;
    this.isShared = world.setup.engine != null;
  }

  private say(
    kind: HappeningKind,
    lane: string,
    text: string,
    msgIds: readonly string[] = [],
    call = 0,
    copy = 0,
    more: Pick<Happening, 'fault' | 'outcome'> = {},
  ): void {
    const { steps, nowMs } = this.loop;
    this.tell({ step: steps, atMs: nowMs, kind, lane, call, copy, msgIds, text, ...more });
  }

  called(call: Call): void {
    const none = call.copies.length === 0 ? ', which is dropped' : call.copies.length > 1 ? ', which comes twice' : '';
    const hit = call.copies.length === 0 ? { fault: 'drop' } : call.copies.length > 1 ? { fault: 'duplicate' } : {};
    const text = `${asked(call.ask)} to node ${call.node}${none}`;
    this.say('call', call.by.name, text, idsIn(call.ask), call.id, 0, hit);
  }

  arrived(node: number, { call, copy }: Exchange, refused: string | null): void {
    const why = refused === null ? '' : `: no, ${call.capability.name} is ${refused}`;
    this.say('arrival', `node ${node}`, `${asked(call.ask)} of ${call.by.name}${why}`, idsIn(call.ask), call.id, copy);
    if (call.ask.verb === 'revoke' && refused === null)
      this.say('fault', `node ${node}`, `revokes ${call.ask.nonce}`, [], 0, 0, { fault: 'revoke' });
  }

  fact(node: number, { shard }: { readonly shard: number }, fact: Fact): void {
    const msgIds = fact.name === 'recovered' ? [] : [fact.msgId];
    this.say('fact', `node ${node}`, `${factText(fact)}, shard ${shard}`, msgIds);
  }

  synced(node: number, _shard: number, facts: readonly Fact[]): void {
    if (facts.length === 0) return;
    this.say('sync', `node ${node}`, facts.length === 1 ? '1 fact is durable' : `${facts.length} facts are durable`);
  }

  noted(node: number, facts: readonly ProcessFact[]): void {
    for (const fact of facts) {
      if (fact.name === 'clocks') continue;
      const text = fact.name === 'revoked' ? `that ${fact.value} is revoked` : 'that this process is the one';
      this.say('sync', `node ${node}`, `${text} is durable`);
    }
  }

  beyond(node: number, why: Beyond): void {
    const text = why === 'refused' ? 'its journal is damaged, and refused' : 'its disk lost the end of its journal';
    this.say('start', `node ${node}`, `does not start any more: ${text}`);
  }

  replied(node: number, { call, copy }: Exchange, reply: Reply): void {
    this.copies.set(reply, copy);
    const end = call.copies[copy]?.end;
    const lost = end === 'lost' ? ', and the answer is lost' : '';
    const hit = end === 'lost' ? { fault: 'lost_reply' } : end === 'gone' ? { fault: 'gone' } : {};
    const text = `${call.ask.verb} of ${call.by.name}: ${replyText(reply)}${lost}`;
    this.say('reply', `node ${node}`, text, replyIds(reply), call.id, copy, { outcome: reply.outcome, ...hit });
  }

  answered(call: Call, reply: Reply | null): void {
    const text = reply === null ? `${call.ask.verb}: no answer` : `${call.ask.verb}: ${replyText(reply)}`;
    const copy = reply === null ? -1 : (this.copies.get(reply) ?? -1);
    const outcome = reply === null ? 'no answer' : reply.outcome;
    this.say('answer', call.by.name, text, reply === null ? [] : replyIds(reply), call.id, copy, { outcome });
  }

  streamed(call: Call, deliveries: readonly Delivery[]): void {
    if (deliveries.length === 0) return;
    const ids = deliveries.map(({ msgId }) => msgId);
    this.say('answer', call.by.name, `stream gives ${ids.map(shortId).join(', ')}`, ids, call.id);
  }

  fault(fault: Fault): void {
    const { steps, nowMs } = this.loop;
    const where = { step: steps, atMs: nowMs, kind: 'fault', lane: laneOf(fault) } as const;
    const text = faultText(fault);
    this.tell({ ...where, call: 0, copy: 0, msgIds: [], text, lastsMs: lastsMs(fault), fault: fault.kind });
  }

  crashed(node: number): void {
    this.say('crash', `node ${node}`, 'the process is gone');
  }

  fell(node: number, shard: number): void {
    this.say('crash', `node ${node}`, `shard ${shard} dies in the middle of a decision`);
  }

  revived(node: number, { shard }: { readonly shard: number }): void {
    this.say(
      'start',
      `node ${node}`,
      this.isShared ? `shard ${shard} is its own now` : `shard ${shard} serves again, from what the disk has`,
    );
  }

  gaveUp(node: number, shard: number): void {
    this.say('crash', `node ${node}`, `shard ${shard} is not its own any more`);
  }

  started(node: number, _shards: unknown, first: boolean): void {
    if (this.isShared) return this.say('start', `node ${node}`, 'starts, and asks what is for it');
    this.say('start', `node ${node}`, first ? 'starts' : 'starts from what its disk kept');
  }
}

/** The engine is one for all nodes; what happens to a connection does so to its node. */
const laneOf = ({ kind, node }: Fault): string => (isOfEngine(kind) ? 'engine' : `node ${node}`);
const isOfEngine = (kind: Fault['kind']): boolean =>
  injectedOf(kind).family === 'engine' && kind !== 'engine_cut' && kind !== 'engine_partition';

/** The last characters of an id, which tell messages of one run apart. */
export const shortId = (msgId: string): string => `..${msgId.slice(-6)}`;

function asked(ask: Ask): string {
  switch (ask.verb) {
    case 'batch':
      return ask.items.map(asked).join(', ');
    case 'send':
      return `send ${ask.topic} ${ask.idemKey}`;
    case 'recv':
      return `recv ${ask.topic}${ask.waitMs > 0 ? `, waits ${ask.waitMs} ms` : ''}${ask.acks.length > 0 ? `, acks ${ask.acks.length}` : ''}`;
    case 'ack':
    case 'nack':
    case 'extend':
      return `${ask.verb} ${shortId(ask.msgId)} with ${ask.receipt.slice(0, 8)}`;
    case 'topics':
      return `topics ${ask.prefix}`;
    case 'redrive_show':
    case 'redrive_cancel':
      return `${ask.verb} ${shortId(ask.id)}`;
    case 'feed':
      return `feed ${ask.topic ?? `${ask.prefix}*`}`;
    case 'show':
      return `show ${shortId(ask.msgId)}`;
    case 'revoke':
      return `revoke ${ask.nonce}`;
    default:
      return `${ask.verb} ${ask.topic}`;
  }
}

const replyIds = ({ msgId, deliveries, deadLetters }: Reply): string[] => [
  ...(msgId === undefined ? [] : [msgId]),
  ...[...(deliveries ?? []), ...(deadLetters ?? [])].map((found) => found.msgId),
];

function replyText({ outcome, msgId, deliveries, state, moved, purged, retryAfterMs }: Reply): string {
  const parts: string[] = [outcome];
  if (msgId !== undefined) parts.push(shortId(msgId));
  for (const { msgId, attempt, epoch } of deliveries ?? [])
    parts.push(`${shortId(msgId)} attempt ${attempt} epoch ${epoch}`);
  if (deliveries?.length === 0) parts.push('nothing');
  if (state !== undefined) parts.push(`now ${state}`);
  if (moved !== undefined) parts.push(`${moved} moved`);
  if (purged !== undefined) parts.push(`${purged} purged`);
  if (retryAfterMs !== undefined) parts.push(`again in ${retryAfterMs} ms`);
  return parts.join(', ');
}

function factText(fact: Fact): string {
  if (fact.name === 'recovered') return 'recovered';
  const id = shortId(fact.msgId);
  switch (fact.name) {
    case 'sent':
      return `${id} sent as ${fact.idemKey}`;
    case 'received':
      return `${id} received for ${fact.visibilityMs} ms with ${fact.receipt.slice(0, 8)}`;
    case 'extended':
      return `${id} extended by ${fact.visibilityMs} ms`;
    case 'nacked':
    case 'expired':
    case 'released':
      return `${id} ${fact.name}, to ${fact.to}${fact.reason === null ? '' : ` for ${fact.reason}`}, not before +${fact.notBeforeMs - fact.atMs} ms`;
    case 'purged':
      return `${id} purged for ${fact.reason}`;
    default:
      return `${id} ${fact.name}`;
  }
}

export function faultText(fault: Fault): string {
  const values = fault as unknown as Readonly<Record<string, unknown>>;
  const parts = Object.entries(injectedOf(fault.kind).parameters).map(([name, { unit }]) => {
    const value = values[name];
    return `${fieldOf(name)} ${Array.isArray(value) ? value.join('+') : value}${unit === 'ms' ? ' ms' : ''}`;
  });
  return [fault.kind.replaceAll('_', ' '), ...parts].join(', ');
}
