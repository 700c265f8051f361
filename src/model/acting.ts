import type { Command } from '../core/commands.ts';
import { type Decision, decide } from '../core/decide.ts';
import type { Fact } from '../core/facts.ts';
import type { Commands } from './commands.ts';
import type { ModelShard } from './model-shard.ts';

/** A command that acts, and what it comes to. */
export interface Acting {
  readonly command: Command['name'];
  readonly decision: Decision;
}

/** Decides everything that may be asked in the present state, writing nothing; `refused` gets the answers that change nothing. */
export function decideAll(
  { shard, messages }: ModelShard,
  commands: Commands,
  refused: (command: Command, decision: Decision) => void,
): readonly Acting[] {
  const acting: Acting[] = [];
  commands.forEach(shard, messages, (command) => {
    const decision = decide(shard, command);
    if (decision.facts.length === 0) refused(command, decision);
    else if (!acting.some((other) => isSame(other.decision, decision)))
      acting.push({ command: command.name, decision });
  });
  return acting;
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
