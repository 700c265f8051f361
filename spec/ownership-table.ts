import { ownershipMachine } from './ownership.machine.ts';
import { OWNERSHIP_EVENTS, OWNERSHIP_STATES, type OwnershipEvent, type OwnershipState } from './ownership.ts';

interface Raw {
  readonly target?: readonly { readonly key: string }[];
}
type Table = Readonly<Record<OwnershipState, Readonly<Partial<Record<OwnershipEvent, OwnershipState>>>>>;

function targetsOf(from: OwnershipState): Table[OwnershipState] {
  const node = ownershipMachine.root.states[from];
  if (node === undefined) throw new Error(`ownership: the machine has no state ${from}`);
  const transitions = node.transitions as unknown as ReadonlyMap<OwnershipEvent, readonly Raw[]>;
  const targets: Partial<Record<OwnershipEvent, OwnershipState>> = {};
  for (const [event, ways] of transitions) {
    const target = ways[0]?.target?.[0]?.key as OwnershipState | undefined;
    if (ways.length !== 1 || target === undefined || !OWNERSHIP_EVENTS.includes(event))
      throw new Error(`ownership: ${from}.${event} needs exactly one target`);
    targets[event] = target;
  }
  return targets;
}

/** The machine as a table, made when this module loads: an append asks for it. */
export const OWNERSHIP: Table = Object.fromEntries(
  OWNERSHIP_STATES.map((state) => [state, targetsOf(state)]),
) as unknown as Table;

/** @throws Error where the machine has no such step */
export function nextOwnership(state: OwnershipState, event: OwnershipEvent): OwnershipState {
  const next = OWNERSHIP[state][event];
  if (next === undefined) throw new Error(`ownership: ${event} while ${state}`);
  return next;
}
