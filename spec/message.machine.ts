import { and, setup } from 'xstate';
import {
  type GuardName,
  guards,
  type Lifecycle,
  type LifecycleEvent,
  type LifecycleLimits,
  type UpdateName,
  unsent,
  updates,
} from './lifecycle.ts';
import type { DeadReason, EventName } from './vocabulary.ts';

interface MachineContext {
  readonly message: Lifecycle;
  readonly limits: LifecycleLimits;
}
type MachineEvent = LifecycleEvent & { readonly type: EventName };

/** Why a transition ends in the dead letters; `asked` takes the reason of the command itself. */
interface TransitionMeta {
  readonly reason: DeadReason | 'asked';
}

const guardImplementations = Object.fromEntries(
  Object.entries(guards).map(([name, guard]) => [
    name,
    ({ context, event }: { context: MachineContext; event: MachineEvent }) =>
      guard(context.message, event, context.limits),
  ]),
) as unknown as Record<GuardName, (args: { context: MachineContext; event: MachineEvent }) => boolean>;

const base = setup({
  types: {
    context: {} as MachineContext,
    events: {} as MachineEvent,
    input: {} as LifecycleLimits,
    meta: {} as TransitionMeta,
  },
  guards: guardImplementations,
});

/** Runs a named update on a copy: the same function that the core runs in place. */
const update = (name: UpdateName) =>
  base.assign(({ context, event }) => {
    const message = { ...context.message };
    updates[name](message, event, context.limits);
    return { message };
  });

/**
 * The lifecycle of one message: the one place that says which event may take it where, under which guards, with which
 * update. No timers and no invocations: expiry is an event like any other (RT3). `table.ts` compiles it for the core;
 * `tla/Mailbox.tla` says the same in TLA+.
 */
export const messageMachine = setup({
  types: {
    context: {} as MachineContext,
    events: {} as MachineEvent,
    input: {} as LifecycleLimits,
    meta: {} as TransitionMeta,
  },
  guards: guardImplementations,
  actions: {
    begin: update('begin'),
    lease: update('lease'),
    prolong: update('prolong'),
    close: update('close'),
    giveBack: update('giveBack'),
    takeBack: update('takeBack'),
    redrive: update('redrive'),
  },
}).createMachine({
  id: 'message',
  context: ({ input }) => ({ message: unsent(), limits: input }),
  initial: 'absent',
  states: {
    absent: { on: { send: { target: 'queued', actions: 'begin' } } },
    queued: {
      on: {
        recv: { guard: 'isAvailable', target: 'leased', actions: 'lease' },
        expire: [
          { guard: 'ttlIsOver', target: 'dead_lettered', actions: 'close', meta: { reason: 'ttl' } },
          { guard: 'retentionIsOver', target: 'dead_lettered', actions: 'close', meta: { reason: 'retention' } },
        ],
      },
    },
    leased: {
      on: {
        ack: { guard: 'holdsLease', target: 'acked', actions: 'close' },
        nack: [
          {
            guard: and(['holdsLease', 'deadLetterAsked']),
            target: 'dead_lettered',
            actions: 'close',
            meta: { reason: 'asked' },
          },
          { guard: and(['holdsLease', 'attemptsLeft']), target: 'redelivered', actions: 'giveBack' },
          { guard: 'holdsLease', target: 'dead_lettered', actions: 'close', meta: { reason: 'max_attempts' } },
        ],
        extend: { guard: and(['holdsLease', 'mayExtend']), target: 'leased', actions: 'prolong' },
        release: [
          { guard: and(['holdsLease', 'releasesLeft', 'neverDelivered']), target: 'queued', actions: 'takeBack' },
          { guard: and(['holdsLease', 'releasesLeft']), target: 'redelivered', actions: 'takeBack' },
          { guard: and(['holdsLease', 'attemptsLeft']), target: 'redelivered', actions: 'giveBack' },
          { guard: 'holdsLease', target: 'dead_lettered', actions: 'close', meta: { reason: 'max_attempts' } },
        ],
        expire: [
          { guard: and(['leaseIsOver', 'attemptsLeft']), target: 'redelivered', actions: 'giveBack' },
          { guard: 'leaseIsOver', target: 'dead_lettered', actions: 'close', meta: { reason: 'max_attempts' } },
        ],
      },
    },
    redelivered: {
      on: {
        recv: { guard: 'isAvailable', target: 'leased', actions: 'lease' },
        expire: [
          { guard: 'ttlIsOver', target: 'dead_lettered', actions: 'close', meta: { reason: 'ttl' } },
          { guard: 'retentionIsOver', target: 'dead_lettered', actions: 'close', meta: { reason: 'retention' } },
        ],
      },
    },
    acked: { type: 'final' },
    dead_lettered: {
      on: {
        reprocess: { guard: 'redrivesLeft', target: 'queued', actions: 'redrive' },
        purge: { target: 'purged', actions: 'close' },
      },
    },
    purged: { type: 'final' },
  },
});
