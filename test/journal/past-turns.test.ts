import { EventEmitter } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { PastThread } from '../../src/journal/worker-past.ts';
import type { PastStep } from '../../src/ports/past.ts';

/** A thread that gives a piece whenever it is asked, and never comes to an end. */
class EndlessThread extends EventEmitter {
  asked = 0;
  unref(): void {}
  postMessage(): void {
    this.asked++;
    this.emit('message', { step: 'facts', facts: [], last: this.asked } satisfies PastStep);
  }
  terminate(): void {
    this.emit('exit');
  }
}

class Scene {
  nowMs = 0;
  /** Whose reading was begun, in order. */
  readonly begun: string[] = [];
  private readonly threads: EndlessThread[] = [];
  private readonly past = new PastThread(
    '',
    () => ({}) as never,
    () => () => {},
    {
      nowMs: () => this.nowMs,
      program: {
        start: (job) => {
          this.begun.push((job as { ask: { prefix: string } }).ask.prefix);
          const thread = new EndlessThread();
          this.threads.push(thread);
          return thread as unknown as Worker;
        },
      },
    },
  );

  read(tenant: string) {
    const told: PastStep['step'][] = [];
    const ask = { after: null, origin: null, topic: null, prefix: tenant, msgId: null };
    const reading = this.past.read(ask, ({ step }) => told.push(step), tenant);
    return { reading, told, next: () => reading?.next() };
  }

  /** The one that runs comes to its end. */
  end(): void {
    this.threads.at(-1)?.emit('message', { step: 'end', last: 1 });
    this.threads.at(-1)?.emit('exit');
  }
}

const immediate = () => new Promise((resolve) => setImmediate(resolve));

describe('readings of the past in turns of tenants (BD5, B10)', () => {
  it('another tenant waits for one reading of each, however many there are', () => {
    const scene = new Scene();
    for (let i = 0; i < 20; i++) scene.read('hog');
    scene.read('victim');
    scene.read('other');
    for (let i = 0; i < 4; i++) scene.end();
    expect(scene.begun).toEqual(['hog', 'hog', 'victim', 'other', 'hog']);
  });

  it('one whose reader takes its time is asked to come again, where another tenant waits', async () => {
    const scene = new Scene();
    const hog = scene.read('hog');
    scene.read('hog');
    for (let i = 0; i < 5; i++) {
      hog.next();
      scene.nowMs += 900;
    }
    // Its own may wait.
    expect(hog.told).not.toContain('later');
    scene.read('victim');
    hog.next();
    await immediate();
    expect(hog.told.at(-1)).toBe('later');
    scene.end();
    expect(scene.begun).toEqual(['hog', 'hog', 'victim']);
  });

  it('the line is shared: who fills it leaves the reserve to others, and what is closed leaves it', () => {
    const scene = new Scene();
    const readings = Array.from({ length: 70 }, () => scene.read('hog').reading);
    const taken = readings.filter((reading) => reading !== null);
    // One runs, four fifths of 64 wait.
    expect(taken).toHaveLength(1 + 52);
    expect(Array.from({ length: 13 }, () => scene.read('victim').reading === null).indexOf(true)).toBe(12);
    for (const reading of taken.slice(1)) reading.close();
    expect(scene.read('hog').reading).not.toBeNull();
    scene.end();
    expect(scene.begun).toEqual(['hog', 'victim']);
  });
});
