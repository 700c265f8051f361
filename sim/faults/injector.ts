import type { FaultLog } from '../fault-log.ts';
import type { Loop } from '../loop.ts';
import type { FaultyNode, Place } from './definition.ts';
import type { Fault } from './index.ts';
import { columnOf, injectedOf, lastsMs } from './lookup.ts';

export interface InjectorParts {
  readonly loop: Loop;
  readonly nodes: readonly FaultyNode[];
  readonly network: Place['network'];
  readonly engine: Place['engine'];
  readonly faults: FaultLog;
  readonly watch: { fault(fault: Fault): void };
}

/** Injects faults into a world, and ends them. */
export class Injector {
  private readonly parts: InjectorParts;
  private injected = 0;

  constructor(parts: InjectorParts) {
    this.parts = parts;
  }

  inject(fault: Fault): void {
    const { loop, nodes, network, faults, watch, engine } = this.parts;
    const node = nodes[fault.node];
    if (node === undefined) throw new Error(`fault: there is no node ${fault.node}`);
    const number = ++this.injected;
    loop.mark('fault', number);
    watch.fault(fault);
    const { inject } = injectedOf(fault.kind);
    const { nowMs } = loop;
    faults.began(columnOf(fault), nowMs, lastsMs(fault));
    const end = (afterMs: number, run: () => void): void => loop.after(afterMs, 'end', number, run);
    inject({ node, network, engine, nowMs, end }, fault);
  }
}
