import type { State } from '../../spec/vocabulary.ts';
import type { Ack, Command, Extend, Nack, Release } from '../core/commands.ts';
import { type Decision, decide } from '../core/decide.ts';
import type { Fact } from '../core/facts.ts';
import type { Message } from '../core/message.ts';
import type { ShardState } from '../core/state.ts';
import type { Commands } from './commands.ts';
import type { ModelShard } from './model-shard.ts';

/** A command that acts, and what it comes to. */
export interface Enabled {
  readonly command: Command['name'];
  readonly decision: Decision;
}

/** Decides everything that may be asked in a state, writing nothing. */
export class Deciding {
  private readonly live: ModelShard;
  private readonly commands: Commands;
  private readonly acting: Enabled[] = [];
  private readonly attempt: (command: Command) => boolean;

  /** `refused` gets the answers that change nothing. */
  constructor(live: ModelShard, commands: Commands, refused: (command: Command, decision: Decision) => void) {
    this.live = live;
    this.commands = commands;
    const { acting } = this;
    this.attempt = (command) => {
      const { shard } = live;
      const decision = decide(shard, command);
      mustFit(shard, command, decision);
      const acts = decision.facts.length > 0;
      if (!acts) refused(command, decision);
      else if (!isThere(acting, command.name, decision)) acting.push({ command: command.name, decision });
      return acts;
    };
  }

  /** What acts in the present state, each thing that may come of it once. */
  all(): readonly Enabled[] {
    const { live, commands, acting } = this;
    acting.length = 0;
    commands.forEach(live.shard, live.messages, this.attempt);
    return acting;
  }
}

function isThere(acting: readonly Enabled[], command: Command['name'], decision: Decision): boolean {
  for (let i = acting.length - 1; i >= 0; i--) {
    const other = acting[i] as Enabled;
    if (other.command === command && isSame(other.decision, decision)) return true;
  }
  return false;
}

/**
 * The specification does not tell payloads, receipts and epochs apart where that changes no state, or the same state comes of another
 * command; the answers must. @throws Error
 */
function mustFit(shard: ShardState, command: Command, { outcome, message, facts, settled }: Decision): void {
  if (command.name === 'send' && message !== undefined) {
    const same = message.payloadHash === command.payloadHash;
    if ((outcome === 'duplicate') !== same) throw new Error(`${outcome} of ${same ? 'the same' : 'another'} payload`);
  }
  if (facts.length === 0 && (command.name === 'ack' || command.name === 'nack'))
    mustRepeat(shard, command, message, settled);
  if (facts.length === 0 || message?.state !== 'leased') return;
  const { name } = command;
  if (name === 'expire' ? command.epoch !== message.epoch : isOfLease(command) && command.receipt !== message.receipt)
    throw new Error(`${name} of another lease`);
}

const isOfLease = (command: Command): command is Ack | Nack | Extend | Release =>
  command.name === 'ack' || command.name === 'nack' || command.name === 'extend' || command.name === 'release';

/** A verb said again comes to what it first came to, and no other does (LE4). */
function mustRepeat(shard: ShardState, command: Ack | Nack, message: Message | undefined, answer: State | null): void {
  let before: State | null = null;
  for (const [{ seq }, entry] of shard.settledReceipts()) {
    if (seq !== message?.seq || entry.receipt !== command.receipt) continue;
    if (entry.verb === command.name) before = entry.state;
  }
  if (answer !== before) throw new Error(`${command.name} said again came to ${answer}, which was ${before}`);
}

/** Two commands may come to the same: jitters that round to one backoff. */
function isSame(one: Decision, other: Decision): boolean {
  if (one.message !== other.message || one.facts.length !== other.facts.length) return false;
  const [a, b] = [one.facts[one.facts.length - 1] as Fact, other.facts[other.facts.length - 1] as Fact];
  switch (a.name) {
    case 'nacked':
    case 'released':
    case 'expired':
      return b.name === a.name && a.to === b.to && a.notBeforeMs === b.notBeforeMs && a.reason === b.reason;
    default:
      return false;
  }
}
