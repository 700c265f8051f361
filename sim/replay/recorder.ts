import type { Delivery } from '../../src/service/messages.ts';
import type { Ask, Call, Reply } from '../call.ts';
import type { Capability } from '../capabilities.ts';
import type { Fault } from '../faults/index.ts';
import { SETTLE_CALLS_FROM } from '../settle.ts';
import type { RunObserver } from '../watch.ts';
import type { World } from '../world.ts';
import { Acquaintance, type Element, idsIn, type Script, type ScriptAsk, scriptCall } from './script.ts';

/** Writes down a run as a script: every call and every fault, with all that chance decided about them. */
export class Recorder implements RunObserver {
  private readonly elements: Element[] = [];
  private readonly capabilities: Capability[] = [];
  private readonly numbers = new Map<Capability, number>();
  /** What the clients know, as a replay will come to know it. */
  private readonly known = new Acquaintance();

  called(call: Call): void {
    if (call.id >= SETTLE_CALLS_FROM) return;
    const ids = idsIn(call.ask);
    const refs = call.refs.map((ref, i) => this.known.precise(ref, ids[i]));
    const written = scriptCall({ ...call, refs }, this.numberOf(call.capability));
    this.elements.push({ atMs: call.atMs, call: { ...written, ask: this.numbered(call.ask, written.ask) } });
  }

  /** Items of a batch may bring capabilities of their own: by their numbers. */
  private numbered(ask: Ask, written: ScriptAsk): ScriptAsk {
    if (ask.verb !== 'batch' || ask.items.every(({ under }) => under === undefined)) return written;
    const items = (written['items'] as readonly ScriptAsk[]).map((item, i) => {
      const under = ask.items[i]?.under;
      return under === undefined ? item : { ...item, under: this.numberOf(under) };
    });
    return { ...written, items };
  }

  answered(call: Call, reply: Reply | null): void {
    if (call.id < SETTLE_CALLS_FROM) this.known.learn(call.ask, reply);
  }

  streamed(_call: Call, deliveries: readonly Delivery[]): void {
    this.known.given(deliveries);
  }

  fault(fault: Fault, atMs: number): void {
    this.elements.push({ atMs, fault });
  }

  private numberOf(capability: Capability): number {
    let number = this.numbers.get(capability);
    if (number === undefined) {
      number = this.capabilities.length;
      this.numbers.set(capability, number);
      this.capabilities.push(capability);
    }
    return number;
  }

  /** The script of the run that `world` has gone through. */
  script({ setup, tapes, history }: World): Script {
    const { elements, capabilities } = this;
    return {
      setup,
      clocksAreTrue: history.clocksAreTrue,
      capabilities,
      tapes: tapes.map(({ words }) => words),
      elements,
    };
  }
}
