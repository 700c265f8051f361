import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { base64, rejected, type Scene, scene } from '../support/console-scene.ts';
import { connect, goTo, openConsole } from './console-page.ts';
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

describe('console: whoever looks', () => {
  it('with a viewer of one topic and a viewer of another sees the messages of both, and nothing is asked twice for long (AU7, U2)', async () => {
    const { server, ids } = now;
    const { page, problems } = await openConsole(browser, now, { hash: `#/messages/${ids.order}` });
    const refused: string[] = [];
    page.on('response', (response) => {
      if (response.status() === 404) refused.push(response.url());
    });
    await connect(
      page,
      server.cap('topic = t.mail', 'op = view,stats'),
      server.cap('topic = t.orders', 'op = view,stats'),
    );
    await page.waitForSelector('.holds');
    expect(await page.innerText('.where')).toContain('t.orders');
    expect(await page.locator('nav a[aria-current=page]').innerText()).toMatch(/^Topics/);
    // Whose topic it is is known now: the other one is asked no more.
    const before = refused.length;
    for (let i = 0; i < 2; i++) await page.waitForResponse((response) => response.url().includes(ids.order));
    expect(refused.length).toBe(before);
    await goTo(page, '#/messages/01J8ZC4V2N6Q9R0S3T5W7X8Y1A', '.trouble');
    expect(await page.innerText('.trouble')).toContain('E_NOT_FOUND');
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('is sent the address of a search and sees what was found (U2)', async () => {
    const { page } = await openConsole(browser, now, { hash: '#/topics/t.orders?find=order-12' });
    await connect(page, now.viewer);
    await page.waitForSelector('.found a.id');
    expect(await page.innerText('.found')).toMatch(/^1 message, of \d+ looked at/);
    await page.fill('#find', 'order-1');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => location.hash === '#/topics/t.orders?find=order-1');
    await page.context().close();
  });

  it('sees in the tiles of a topic what is in the list below: all of it, dead letters too (U2)', async () => {
    const { page } = await openConsole(browser, now, { hash: '#/topics/t.orders' });
    await connect(page, now.viewer);
    await page.waitForSelector('a.row');
    const rows = await page.locator('tbody a.row').count();
    expect(await page.locator('.tile[aria-current] .value').innerText()).toBe(String(rows));
    await page.context().close();
  });

  it('with view alone, or recv alone, of one topic sees what is in it and no trouble; an empty one is no trouble either (AU7, U2)', async () => {
    const { server } = now;
    for (const [op, topic, count] of [
      ['view', 't.mail', '8'],
      ['recv', 't.mail', '8'],
      ['view', 't.ma', '0'],
      ['view', 't.nothing', '0'],
    ] as const) {
      const { page, problems } = await openConsole(browser, now, { hash: `#/topics/${topic}` });
      await connect(page, server.cap(`topic = ${topic}`, `op = ${op}`));
      await page.waitForSelector('.tile .value');
      expect([op, topic, await page.locator('.tile .value').first().innerText()]).toEqual([op, topic, count]);
      // Messages take view: who may only receive is told so, below what is in the topic.
      await page.waitForSelector(
        op === 'view' ? (count === '0' ? '.empty' : 'a.row') : '[aria-labelledby=peek] .trouble',
      );
      expect([op, await page.locator('.trouble').count()]).toEqual([op, op === 'view' ? 0 : 1]);
      expect(problems).toEqual([]);
      await page.context().close();
    }
  });

  it('is told of a shard that does not serve, and not that there is nothing in its topic (U2)', async () => {
    const { page } = await openConsole(browser, now, { hash: '#/topics/t.mail' });
    await page.route('**/v1/topics?*', (route) =>
      route.fulfill({ json: { topics: [], next: null, down_shards: [3] } }),
    );
    await connect(page, now.server.cap('topic = t.mail', 'op = view'));
    await page.getByText('may be in a shard that does not serve at the moment: 3.').waitFor();
    expect(await page.locator('.tile').count()).toBe(0);
    await page.unroute('**/v1/topics?*');
    await page.waitForSelector('.tile');
    await page.context().close();
  });

  it('follows a redrive through answers that fail, to its end, and may cancel again what was not cancelled (DL5, U2)', async () => {
    const { server } = now;
    const cap = server.cap('topic prefix t', 'op = send,recv,nack');
    for (let i = 0; i < 12; i++) {
      await server.post('/v1/send', { topic: 't.lost', idem_key: `lost-${i}`, payload_b64: base64('x') }, { cap });
      await rejected(server, cap, 't.lost', 'lost');
    }
    const { page } = await openConsole(browser, now, { hash: '#/dead/t.lost' });
    await connect(page, server.cap('topic = t.lost', 'op = admin'));
    const back = page.locator('.panel').first();
    await page.fill('#rate', '1');
    await back.getByRole('button', { name: 'Count' }).click();
    await back.getByRole('button', { name: /Put \d+ back/ }).click();
    await back.getByRole('button', { name: 'Cancel' }).waitFor();
    await page.route('**/v1/dlq/redrives/*', (route) => route.abort());
    await back.locator('.trouble').waitFor();
    await back.getByRole('button', { name: 'Cancel' }).click();
    await page.unroute('**/v1/dlq/redrives/*');
    await back.locator('.trouble').waitFor({ state: 'detached' });
    await back.getByRole('button', { name: 'Cancel' }).click();
    await back.getByText(/cancelled: \d+ put back/).waitFor();
    await page.context().close();
  });

  it('sees the head of the page before its program is there, and once when it is (U2)', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    let isLet = (): void => {};
    const held = new Promise<void>((resolve) => {
      isLet = resolve;
    });
    await page.route('**/main.js', async (route) => {
      await held;
      await route.continue();
    });
    await page.goto(now.server.consoleUrl, { waitUntil: 'commit' });
    await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length === 1);
    expect(await page.innerText('header')).toBe('Mailbox');
    isLet();
    await page.waitForSelector('#token');
    expect([await page.locator('header').count(), await page.locator('.brand').count()]).toEqual([1, 1]);
    await context.close();
  });

  it('offline: sees what was there, that it is old, and that it is asked again; and it is (U2)', async () => {
    const { page } = await openConsole(browser, now, { hash: '#/topics' });
    await connect(page, now.viewer);
    await page.waitForSelector('a.row');
    await page.context().setOffline(true);
    await page.getByText('No answer came. It is asked again by itself.').waitFor();
    expect(await page.innerText('main')).toContain('What is below is of');
    expect(await page.locator('a.row').count()).toBeGreaterThan(3);
    await page.context().setOffline(false);
    await page.locator('.trouble').waitFor({ state: 'detached' });
    await page.context().close();
  });
});
