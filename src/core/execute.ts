import { advance } from './advance.ts';
import { apply } from './apply.ts';
import type { Command } from './commands.ts';
import { type Decision, decide } from './decide.ts';
import type { ShardState } from './state.ts';

/** Time, decision, effect: one command on one shard. */
export function execute(state: ShardState, command: Command): Decision {
  if (command.atMs > state.nowMs) advance(state, command.atMs);
  const decision = decide(state, command);
  for (const fact of decision.facts) apply(state, fact, decision.message);
  return decision;
}
