import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Scene, scene } from '../support/console-scene.ts';
import { connect } from './console-page.ts';
import { launch } from './report-page.ts';

let browser: Browser;
let now: Scene;
beforeAll(async () => {
  now = await scene();
  browser = await launch();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await now?.server.stop();
});

/** Polls until the page is warm, and then those in which it must keep nothing. */
const WARM = 200;
const POLLS = 1000;
/** The browser goes on making code of what runs often; the answers of one message alone are nearly twice this. */
const KEPT_BYTES_MAX = 800_000;

it('console: a page that is left open keeps nothing of a thousand answers, be it a list or a message (U2)', async () => {
  for (const [hash, ready] of [
    ['#/topics/t.orders', 'a.row'],
    [`#/messages/${now.ids.order}`, '.holds'],
  ] as const) {
    const context = await browser.newContext();
    const page = await context.newPage();
    // The waits between polls, and nothing else, are taken out.
    await page.addInitScript(() => {
      const { setTimeout: later } = globalThis;
      const counted = globalThis as unknown as { polls: number; setTimeout: unknown };
      counted.polls = 0;
      counted.setTimeout = (run: () => void, ms: number) => {
        const isPoll = ms >= 1000 && ms <= 5000;
        if (isPoll) counted.polls++;
        return later(run, isPoll ? 0 : ms);
      };
    });
    await page.goto(`${now.server.consoleUrl}/${hash}`);
    await connect(page, now.viewer);
    await page.waitForSelector(ready);
    const debug = await context.newCDPSession(page);
    const after = async (polls: number) => {
      await page.waitForFunction((n) => (globalThis as unknown as { polls: number }).polls >= n, polls, {
        timeout: 120_000,
      });
      await debug.send('HeapProfiler.collectGarbage');
      const { nodes, jsEventListeners } = await debug.send('Memory.getDOMCounters');
      return { nodes, jsEventListeners, bytes: (await debug.send('Runtime.getHeapUsage')).usedSize };
    };
    const [early, late] = [await after(WARM), await after(WARM + POLLS)];
    expect([hash, late.nodes, late.jsEventListeners]).toEqual([hash, early.nodes, early.jsEventListeners]);
    expect(late.bytes - early.bytes).toBeLessThan(KEPT_BYTES_MAX);
    await context.close();
  }
});
