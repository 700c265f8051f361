import { describe, expect, it } from 'vitest';
import { Turns } from '../../src/node/turns.ts';

/** More than one turn of a tenant. */
const LARGE = 100_000;

class Scene {
  readonly begun: string[] = [];
  readonly done: string[] = [];
  private soon: (() => void) | null = null;
  private readonly turns = new Turns((turn) => {
    this.soon = turn;
  });

  connection(tenant: string) {
    const held = { tenant, isClosing: false, pauses: 0, pause: () => held.pauses++, resume: () => held.pauses-- };
    return held;
  }

  ask(connection: ReturnType<Scene['connection']>, name: string, bytes = LARGE): void {
    this.turns.take(connection, {
      bytes,
      begun: () => this.begun.push(name),
      step: () => this.done.push(name),
    });
  }

  /** The next turn of the event loop. False when there is none. */
  turn(): boolean {
    const { soon } = this;
    this.soon = null;
    soon?.();
    return soon !== null;
  }
}

describe('turns of tenants (BD5)', () => {
  it('what is little is begun at once, however many ask', () => {
    const scene = new Scene();
    const connections = Array.from({ length: 20 }, (_, i) => scene.connection(`t${i % 2}`));
    for (const [i, connection] of connections.entries()) scene.ask(connection, `${i}`, 10);
    expect(scene.done).toHaveLength(20);
    expect(connections.every(({ pauses }) => pauses === 0)).toBe(true);
  });

  it('what is much waits for the next turn, and whoever asks meanwhile does not', () => {
    const scene = new Scene();
    const hogs = Array.from({ length: 5 }, () => scene.connection('hog'));
    for (const [i, connection] of hogs.entries()) scene.ask(connection, `hog ${i}`);
    expect(scene.done).toEqual(['hog 0']);
    expect(hogs.map(({ pauses }) => pauses)).toEqual([0, 0, 0, 0, 0]);
    scene.ask(scene.connection('victim'), 'victim');
    expect(scene.done).toEqual(['hog 0', 'victim']);
    scene.turn();
    expect(scene.done).toEqual(['hog 0', 'victim', 'hog 1']);
    while (scene.turn());
    expect(scene.done).toEqual(['hog 0', 'victim', 'hog 1', 'hog 2', 'hog 3', 'hog 4']);
    expect(hogs.every(({ pauses }) => pauses === 0)).toBe(true);
  });

  it('tenants take turns, and the connections of each; those of one connection keep their order', () => {
    const scene = new Scene();
    const [a, b, other] = [scene.connection('hog'), scene.connection('hog'), scene.connection('other')];
    for (let i = 0; i < 3; i++) scene.ask(a, `a${i}`);
    scene.ask(b, 'b0');
    for (let i = 0; i < 3; i++) scene.ask(other, `o${i}`);
    // Those that send ahead of their answers are not read from.
    expect([a, b, other].map(({ pauses }) => pauses)).toEqual([1, 0, 1]);
    while (scene.turn());
    expect(scene.done).toEqual(['a0', 'o0', 'a1', 'o1', 'b0', 'o2', 'a2']);
    expect([a, b, other].map(({ pauses }) => pauses)).toEqual([0, 0, 0]);
  });

  it('what is behind the last answer of its connection is not taken, and what it held is given back', () => {
    const scene = new Scene();
    const one = scene.connection('hog');
    scene.ask(one, 'first');
    scene.ask(one, 'second');
    one.isClosing = true;
    while (scene.turn());
    expect(scene.begun).toEqual(['first', 'second']);
    expect(scene.done).toEqual(['first']);
    expect(one.pauses).toBe(0);
  });
});
