import { ACTION_OF, EVENTS, type EventName, REFUSAL_OF, SAID_AGAIN } from '../../spec/vocabulary.ts';
import { advance } from '../core/advance.ts';
import type { Command } from '../core/commands.ts';
import type { Decision } from '../core/decide.ts';
import { due, nextDueMs } from '../core/due.ts';
import type { Savepoint } from '../core/savepoint.ts';
import { audit } from './audit.ts';
import { Commands } from './commands.ts';
import { Deciding } from './enabled.ts';
import type { Driver } from './explore.ts';
import { type Variables, widthOfState } from './graph.ts';
import { MAILBOX_ACTIONS, type MailboxConstants, mailboxVariables } from './mailbox.ts';
import { factsOf, type Journal, ModelShard } from './model-shard.ts';

/** When a model begins: small, so that times are small integers, and not 0, which would mean that a window is closed. */
export const START_MS = 1_000_000;
const ACTION: Readonly<Record<string, number>> = Object.fromEntries(
  MAILBOX_ACTIONS.map((name, index) => [name, index]),
);
const ACTION_OF_COMMAND = Object.fromEntries(EVENTS.map((event) => [event, ACTION[ACTION_OF[event]]])) as Record<
  EventName,
  number
>;
const REFUSAL: Readonly<Record<string, number | undefined>> = Object.fromEntries(
  Object.entries(REFUSAL_OF).map(([outcome, name]) => [outcome, ACTION[name]]),
);
const TICK = ACTION['Tick'] as number;
const CRASH = ACTION['Crash'] as number;
const RECOVER = ACTION['Recover'] as number;

const SET_BACK_MS = 5;

interface Saved {
  readonly shard: Savepoint;
  readonly up: boolean;
  readonly crashes: number;
  readonly journal: Journal | null;
}

/**
 * The core in a bounded model: the shipped `decide`, `apply`, `advance` and `due`, every command in every state, time one tick at a
 * time, and a crash that leaves nothing but the facts, from which the shipped `replay` makes the state again.
 */
export class LifecycleDriver implements Driver<Saved> {
  readonly variables: Variables;
  readonly actions = MAILBOX_ACTIONS;
  private readonly c: MailboxConstants;
  private readonly deciding: Deciding;
  private readonly live: ModelShard;
  private readonly after: Uint8Array;
  private up = true;
  private crashes = 0;
  private journal: Journal | null = null;
  private stay: (action: number) => void = () => {};

  constructor(c: MailboxConstants) {
    this.c = c;
    this.variables = mailboxVariables(c);
    this.live = new ModelShard(c);
    this.deciding = new Deciding(this.live, new Commands(c), (command, decision) => {
      this.stay(answerTo(command, decision));
    });
    this.after = new Uint8Array(widthOfState(this.variables));
  }

  initial(found: () => void): void {
    advance(this.live.shard, START_MS);
    found();
  }

  encode(into: Uint8Array): void {
    const { c, live } = this;
    let at = live.project(into);
    into[at++] = this.up ? 1 : 0;
    into[at++] = this.crashes + 1;
    for (let m = 1; m <= c.N; m++) into[at++] = live.messages[m] === undefined ? 0 : 1;
    for (let m = 1; m <= c.N; m++) into[at++] = (live.delivered[m] as number) + 1;
  }

  save(): Saved {
    const { live, up, crashes, journal } = this;
    return { shard: live.save(), up, crashes, journal };
  }

  restore(saved: Saved): void {
    this.live.restore(saved.shard);
    this.up = saved.up;
    this.crashes = saved.crashes;
    this.journal = saved.journal;
  }

  check(): string | null {
    return this.up ? audit(this.live.shard) : null;
  }

  expand(saved: Saved, bytes: Uint8Array, step: (action: number) => void, stay: (action: number) => void): void {
    if (this.up) this.serve(saved, bytes, step, stay);
    else this.recover(saved, step);
    this.live.discard(saved.shard);
  }

  /** Everything that may happen to a running process. */
  private serve(saved: Saved, bytes: Uint8Array, step: (action: number) => void, stay: (action: number) => void): void {
    this.stay = stay;
    const acting = this.deciding.all();
    this.mustBe(bytes);
    for (const { command, decision } of acting) {
      this.take(decision);
      step(ACTION_OF_COMMAND[command]);
      this.restore(saved);
    }
    if (this.crashes < this.c.CrashesMax) {
      this.up = false;
      this.crashes++;
      step(CRASH);
      this.up = saved.up;
      this.crashes = saved.crashes;
    }
    const { shard } = this.live;
    const next = due(shard, 0);
    if ((next === null) !== nextDueMs(shard) > shard.nowMs) throw new Error('due and nextDueMs do not agree');
    if (next !== null) return;
    advance(shard, shard.nowMs + 1);
    step(TICK);
  }

  /** A refusal leaves the state as it was (BD2). */
  private mustBe(bytes: Uint8Array): void {
    this.encode(this.after);
    for (let i = 0; i < bytes.length; i++)
      if (bytes[i] !== this.after[i]) throw new Error('a refused command changed the state');
  }

  private take({ facts, message }: Decision): void {
    for (const fact of facts) this.live.apply(fact, message);
    if (this.c.CrashesMax > 0) this.journal = { facts, before: this.journal };
  }

  /** Another process finds the journal, some time later. */
  private recover(saved: Saved, step: (action: number) => void): void {
    const facts = factsOf(this.journal);
    const { nowMs } = this.live.shard;
    const times = this.c.Elapsed.map((elapsed) => nowMs + elapsed);
    // A clock set back is one that stood still since the last fact (TM1).
    if (this.c.Elapsed.includes(0) && facts.at(-1)?.atMs === nowMs) times.push(nowMs - SET_BACK_MS);
    this.live.replay(facts);
    const replayed = this.live.save();
    for (const atMs of times) {
      this.live.restore(replayed);
      const recovered = this.live.recover(atMs);
      if (this.live.shard.nowMs !== atMs) throw new Error('recovery does not go by the clock');
      this.journal = { facts: [recovered], before: saved.journal };
      this.up = true;
      step(RECOVER);
    }
    this.live.discard(replayed);
  }
}

/** The action of a command that changed nothing. */
function answerTo({ name }: Command, { outcome, settled }: Decision): number {
  const action =
    outcome === 'ok' ? ACTION[SAID_AGAIN[`${name} ${settled}` as keyof typeof SAID_AGAIN]] : REFUSAL[outcome];
  if (action === undefined) throw new Error(`${name} came to ${outcome}, and nothing happened`);
  return action;
}
