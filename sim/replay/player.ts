import type { Ask, BatchAsk, Client } from '../call.ts';
import { mayDamage } from '../faults/lookup.ts';
import type { RunObserver } from '../watch.ts';
import { type Driver, type RunResult, World } from '../world.ts';
import { Acquaintance, type Element, type Script, type ScriptCall } from './script.ts';

/** Drives a world by a script. */
class Player implements Driver {
  private readonly script: Script;
  private readonly known = new Acquaintance();
  private readonly clients = new Map<string, Client>();
  private world!: World;

  constructor(script: Script) {
    this.script = script;
  }

  start(world: World): void {
    this.world = world;
    for (const [i, element] of this.script.elements.entries()) this.schedule(element, i);
  }

  stop(): void {}

  private schedule(element: Element, number: number): void {
    const { loop, injector } = this.world;
    const { atMs } = element;
    if ('call' in element) return loop.at(atMs, 'call', element.call.id, () => this.call(atMs, element.call));
    loop.at(atMs, 'fault', number, () => {
      if (element.fault.kind === 'keyring') this.world.keys = element.fault.keys;
      injector.inject(element.fault);
    });
  }

  private call(atMs: number, call: ScriptCall): void {
    const ask = this.named(this.known.read(call.ask, call.refs));
    const capability = this.script.capabilities[call.capability];
    if (ask === null || capability === undefined) return;
    const { id, node, refs, timeoutMs, copies } = call;
    const by = this.client(call.by, call.group);
    this.world.network.callNow(
      { id, atMs, by, node, capability, ask, refs, timeoutMs, copies },
      (reply) => this.known.learn(ask, reply),
      (deliveries) => this.known.given(deliveries),
    );
  }

  /** With the capabilities that its items bring, which a script has by number. */
  private named(ask: Ask | null): Ask | null {
    if (ask?.verb !== 'batch') return ask;
    const { capabilities } = this.script;
    const items = ask.items.map((item) => {
      const { under } = item as { under?: unknown };
      return under === undefined ? item : ({ ...item, under: capabilities[Number(under)] } as BatchAsk);
    });
    return { ...ask, items };
  }

  private client(name: string, group: Client['group']): Client {
    let client = this.clients.get(name);
    if (client === undefined) {
      client = { name, group };
      this.clients.set(name, client);
    }
    return client;
  }
}

export interface PlayOptions {
  readonly fingerprint?: boolean;
  readonly observers?: readonly RunObserver[];
  /** Leaves the end phase out: what went wrong did so before it. */
  readonly withoutEnd?: boolean;
}

/** The world of a script, and what drives it. */
export function playerOf(script: Script, options: PlayOptions = {}): { world: World; driver: Driver } {
  const { setup, clocksAreTrue, tapes } = script;
  const faults = script.elements.flatMap((element) => ('fault' in element ? [element.fault] : []));
  const mayBeDamaged = mayDamage(faults, 'disk');
  const world = new World(setup, { seed: 0, clocksAreTrue, mayBeDamaged, tapes, ...options });
  return { world, driver: new Player(script) };
}

export function play(script: Script, options: PlayOptions = {}): { readonly world: World; readonly run: RunResult } {
  const { world, driver } = playerOf(script, options);
  return { world, run: world.run(driver) };
}
