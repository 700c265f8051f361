import type { FaultLog } from '../fault-log.ts';
import type { Draws, Range } from '../random.ts';
import { type Setup, topicOf } from '../setup.ts';
import type { Fields } from '../yaml.ts';
import type { BusyProducer, Clients, ParameterSet } from './definition.ts';
import { type Fault, PLANNED_KINDS, type PlannedFault } from './index.ts';
import { lastingMs, misplaced, scheduledOf } from './lookup.ts';
import { fieldOf } from './parameters.ts';

const NEVER: Range = { min: 0, max: 0 };

/** Reads one entry of `faults`. @throws ScheduleError */
export function readFault(fields: Fields, setup: Setup): PlannedFault {
  const kind = fields.oneOf('kind', PLANNED_KINDS);
  const wrong = misplaced(kind, setup.engine != null);
  if (wrong !== null) fields.refuse('kind', `${kind}: ${wrong}`);
  const atMs = fields.duration('at');
  if (atMs >= setup.durationMs) fields.refuse('at', 'must be before the end of the run');
  const everyMs = fields.range('every', NEVER);
  const { by, parameters } = scheduledOf(kind);
  const node = by === 'node' ? { node: fields.has('node') ? fields.whole('node', 0, setup.nodes - 1) : null } : {};
  const params = each(parameters, (parameter, name) => parameter.read(fields, fieldOf(name), setup));
  return { kind, atMs, everyMs, ...node, ...params } as PlannedFault;
}

/** Something of each parameter, in their order. */
function each(
  parameters: ParameterSet,
  value: (parameter: ParameterSet[string], name: string) => unknown,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(parameters).map(([name, parameter]) => [name, value(parameter, name)]));
}

/** Who has planned faults happen: clients, and a world. */
export interface Crowd {
  readonly producers: readonly BusyProducer[];
  readonly stranger: Clients['strangers'];
  readonly issuer: Clients['issuer'];
  hotTopic: string | null;
  plan(afterMs: number, run: () => void): void;
  readonly world: {
    readonly setup: Setup;
    readonly faults: FaultLog;
    readonly loop: { readonly nowMs: number };
    readonly injector: { inject(fault: Fault): void };
  };
}

/** A planned fault happens: what chance leaves open in it is decided, and it is injected or the clients are set on. */
export function fire(crowd: Crowd, planned: PlannedFault, random: Draws): void {
  const { injector, setup, faults, loop } = crowd.world;
  const definition = scheduledOf(planned.kind);
  const node = 'node' in planned ? { node: planned.node ?? random.below(setup.nodes) } : {};
  const given = planned as Readonly<Record<string, unknown>>;
  const params = each(definition.parameters, (parameter, name) => parameter.decide(given[name], random, setup));
  if (definition.by === 'node') return injector.inject({ kind: planned.kind, ...node, ...params } as unknown as Fault);
  const { columns, isCounted = true } = definition;
  if (isCounted) faults.began(columns[0]!, loop.nowMs, lastingMs(definition.lastsMs?.(params), params));
  definition.begin(clientsOf(crowd, random), params);
}

function clientsOf(crowd: Crowd, random: Draws): Clients {
  const { producers, stranger, issuer } = crowd;
  const { setup } = crowd.world;
  return {
    random,
    issuer,
    strangers: stranger,
    inTurn(count, run) {
      for (let i = 0; i < count && producers.length > 0; i++) run(producers[i % producers.length]!);
    },
    anyTopic: () => topicOf(setup, random.below(setup.topics)),
    sendTo(topic) {
      crowd.hotTopic = topic;
    },
    later: (afterMs, run) => crowd.plan(afterMs, run),
  };
}
