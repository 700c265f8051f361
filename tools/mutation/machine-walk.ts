import { initialTransition, transition } from 'xstate';
import type { Lifecycle, LifecycleEvent } from '../../spec/lifecycle.ts';
import { messageMachine } from '../../spec/message.machine.ts';
import type { EventName } from '../../spec/vocabulary.ts';
import { advance } from '../../src/core/advance.ts';
import type { Command } from '../../src/core/commands.ts';
import { execute } from '../../src/core/execute.ts';
import { DEFAULT_LIMITS, type Limits } from '../../src/core/limits.ts';
import type { Message } from '../../src/core/message.ts';
import { ShardState } from '../../src/core/state.ts';

const LIMITS: Limits = {
  ...DEFAULT_LIMITS,
  ...{ maxAttempts: 2, maxRedrives: 1, inflightFactor: 3, releasesMax: 1, backoffBaseMs: 0, backoffMaxMs: 1 },
  ...{ readyRetentionMs: 6, tReplayMs: 1000, dlqRetentionMs: 1000 },
};
const STEPS_MAX = 5;
const VISIBILITY_MS = 2;
/** Before the end of the retention, which is for the message without one. */
const TTL_MS = 5;
const TRIED: readonly (readonly [EventName, deadLetter: boolean])[] = [
  ...(['recv', 'ack', 'nack', 'extend', 'release', 'expire', 'reprocess', 'purge'] as const).map(
    (name) => [name, false] as const,
  ),
  ['nack', true],
];

/** Where a walk is: the events so far, each as the machine takes it and as the core does. */
type Walk = readonly { readonly event: LifecycleEvent & { readonly type: EventName }; readonly command: Command }[];

/**
 * The machine as XState runs it beside the core, on one message: every sequence of events that ends somewhere new. Null, or where
 * they part. The models do not see what the machine's own context holds; this does.
 */
export function machineDifference(): string | null {
  const seen = new Set<string>();
  let walks: Walk[] = [[sendAt(1000, TTL_MS)], [sendAt(1000, Number.POSITIVE_INFINITY)]];
  for (let steps = 0; steps < STEPS_MAX && walks.length > 0; steps++) {
    const longer: Walk[] = [];
    for (const walk of walks) {
      const [machine, core] = [byMachine(walk), byCore(walk)];
      if (machine !== core.text)
        return `after ${walk.map(({ event }) => event.type).join(', ')}: ${machine}, ${core.text}`;
      if (seen.has(machine)) continue;
      seen.add(machine);
      longer.push(...nextOf(walk, core.message));
    }
    walks = longer;
  }
  return null;
}

function sendAt(atMs: number, ttlMs: number): Walk[number] {
  const [notBeforeMs, ttlAtMs] = [atMs + 1, atMs + ttlMs];
  const command = { name: 'send', atMs, tsMs: atMs, topic: 't', idemKey: 'k' } as const;
  const texts = { payloadHash: 'h', hashChain: 'c', attrs: {}, corrId: '-', random: 0 };
  return {
    event: { type: 'send', atMs, notBeforeMs, ttlAtMs },
    command: { ...command, ...texts, payload: new Uint8Array(1), delayMs: 1, ttlMs },
  };
}

/** One more event, now and a little later. */
const nextOf = (walk: Walk, message: Message): Walk[] =>
  [0, 3].flatMap((pass) => TRIED.map(([name, deadLetter]) => [...walk, stepOf(walk, message, name, pass, deadLetter)]));

function stepOf(walk: Walk, message: Message, type: EventName, pass: number, deadLetter: boolean): Walk[number] {
  const atMs = (walk.at(-1) as Walk[number]).event.atMs + pass;
  const { msgId, epoch } = message;
  const receipt = `r${type === 'recv' ? epoch + 1 : epoch}`;
  // A nack names when to try again; the other returns have a backoff of 0.
  const retryAfterMs = type === 'nack' ? 1 : 0;
  const event = {
    type,
    atMs,
    receipt,
    epoch,
    visibilityMs: VISIBILITY_MS,
    notBeforeMs: atMs + retryAfterMs,
    deadLetter,
  };
  const asked = { retryAfterMs, deadLetter, damaged: false, reason: 'admin', topic: 't' };
  const taken = {
    bytesMax: 9,
    inflightElsewhere: 0,
    tenantInflightElsewhere: 0,
    jitter: 0,
    visibilityMs: VISIBILITY_MS,
  };
  return { event, command: { name: type, atMs, msgId, receipt, epoch, ...taken, ...asked } as unknown as Command };
}

/** State and numbers at the end of a walk, times as what is left of them. */
function textOf(walk: Walk, state: unknown, message: Lifecycle): string {
  const { atMs } = (walk.at(-1) as Walk[number]).event;
  const left = TIMES.map(
    (name) => `${name} ${message[name] === 0 ? 'none' : Math.max(message[name] - atMs, -LONG_AGO_MS)}`,
  );
  return [state, ...NUMBERS.map((name) => `${name} ${message[name]}`), ...left].join(' ');
}
const NUMBERS = ['attempt', 'epoch', 'redrives', 'releases', 'receipt', 'visibilityMs'] as const;
const TIMES = ['timerAtMs', 'leaseEndsMs', 'ttlAtMs', 'readyAtMs'] as const;
const LONG_AGO_MS = 8;

function byMachine(walk: Walk): string {
  let [snapshot] = initialTransition(messageMachine, LIMITS);
  for (const { event } of walk) [snapshot] = transition(messageMachine, snapshot, event);
  return textOf(walk, snapshot.value, snapshot.context.message);
}

function byCore(walk: Walk): { text: string; message: Message } {
  const shard = new ShardState(0, LIMITS);
  advance(shard, 1000);
  let message: Message | undefined;
  for (const { command } of walk) {
    execute(shard, command);
    // Once it is over there is a row, without the numbers that mean nothing any more.
    message ??= shard.aliveIn(0);
  }
  const sent = message as Message;
  return { text: textOf(walk, sent.state, sent), message: sent };
}
