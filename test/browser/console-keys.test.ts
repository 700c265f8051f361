import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { base64, rejected, type Scene, scene } from '../support/console-scene.ts';
import { openConsole } from './console-page.ts';
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

/** From where the page is, as far as it takes: there is no way by keyboard to what this does not reach. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let i = 0; i < TABS_MAX; i++) {
    await page.keyboard.press('Tab');
    if (await page.evaluate((one) => document.activeElement?.matches(one) === true, selector)) return;
  }
  throw new Error(`${selector}: not reached by ${TABS_MAX} tabs`);
}
const TABS_MAX = 60;

const focused = (page: Page): Promise<string> => page.evaluate(() => document.activeElement?.textContent ?? 'nothing');

/** Connects as a hand on the keyboard does. */
async function typeIn(page: Page, capability: string): Promise<void> {
  await tabTo(page, '#token');
  await page.keyboard.insertText(capability);
  await page.keyboard.press('Enter');
}

async function deadLetters(topic: string, count: number): Promise<void> {
  const cap = now.server.cap('topic prefix t', 'op = send,recv,nack');
  for (let i = 0; i < count; i++) {
    await now.server.post('/v1/send', { topic, idem_key: `${topic}-${i}`, payload_b64: base64('x') }, { cap });
    await rejected(now.server, cap, topic, 'by hand');
  }
}

describe('console: keyboard alone', () => {
  it('connects, walks, opens, finds a key, and nothing leases (U2, AU7)', async () => {
    const { page } = await openConsole(browser, now);
    await page.focus('#token');
    await page.keyboard.insertText(now.viewer);
    await page.keyboard.press('Enter');
    await page.waitForSelector('a.row');
    expect(await page.locator('tbody a.row').allInnerTexts()).toEqual(['t.orders', 't.mail', 't.hostile', 't.later']);
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => location.hash === '#/topics/t.orders');
    await page.waitForSelector('a.row');
    await page.keyboard.press('/');
    await page.keyboard.type('order-12');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.found a.id');
    expect(await page.innerText('.found')).toMatch(/^1 message, of \d+ looked at/);
    await page.focus('.found a.id');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.step');
    expect(await page.innerText('.where')).toContain('queued');
    await page.keyboard.press('n');
    await page.waitForSelector('.verdict');
    expect(await page.innerText('.verdict')).toContain('Ready');
    await page.context().close();
  });

  it('picks, counts and puts back, and letters lead on from a tick (U2, DL5)', async () => {
    const { server } = now;
    const cap = server.cap('topic prefix t', 'op = send,recv,nack');
    for (let i = 0; i < 2; i++) {
      await server.post('/v1/send', { topic: 't.keys', idem_key: `keys-${i}`, payload_b64: base64('x') }, { cap });
      await rejected(server, cap, 't.keys', 'keys');
    }
    const { page } = await openConsole(browser, now, { hash: '#/dead/t.keys' });
    await page.focus('#token');
    await page.keyboard.insertText(server.cap('topic = t.keys', 'op = admin'));
    await page.keyboard.press('Enter');
    await page.waitForSelector('tbody a.row');
    await page.keyboard.press('j');
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Space');
    await page.keyboard.press('j');
    expect(await page.evaluate(() => document.activeElement?.className)).toBe('row id');
    await page.focus('#limit');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByText('It would put back 1').waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByText('1 put back').waitFor();
    await page.context().close();
  });

  it('deletes dead letters for good: counts, is asked for the topic, and is told what went; the focus goes nowhere else (U2, DL5)', async () => {
    await deadLetters('t.gone', 2);
    const { page, problems } = await openConsole(browser, now, { hash: '#/dead/t.gone' });
    await typeIn(page, now.server.cap('topic = t.gone', 'op = admin'));
    await page.waitForSelector('#hours');
    await tabTo(page, '#hours');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByText('It would delete 2 dead letters and no other').waitFor();
    // Where the hand was: letters would lead to other pages from anywhere else.
    await expect.poll(() => focused(page)).toBe('Count what it would delete');
    await page.keyboard.press('Tab');
    await page.keyboard.type('t.gon');
    expect(await page.locator('button.danger').isDisabled()).toBe(true);
    await page.keyboard.press('Enter');
    await page.keyboard.type('e');
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('Delete 2 for good');
    await page.keyboard.press('Enter');
    await page.getByText('Deleted 2 of 2.').waitFor();
    await expect.poll(() => focused(page)).toBe('Deleted 2 of 2.');
    await page.getByText('No dead letters.').waitFor();
    expect(page.url()).toContain('#/dead/t.gone');
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('revokes: what it ends is said, the nonce is typed again, and it holds; what is refused is said and can be tried again (U2, AU4)', async () => {
    const victim = now.server.cap('topic = t.orders', 'op = view');
    const nonce = /[0-9A-HJKMNP-TV-Z]{26}/.exec(Buffer.from(victim, 'base64url').toString('latin1'))?.[0] as string;
    const isSeen = async () =>
      (await now.server.ask('GET', '/v1/messages?topic=t.orders', undefined, { cap: victim })).status;
    const { page, problems } = await openConsole(browser, now);
    await typeIn(page, now.revoker);
    await page.waitForSelector('h1:has-text("Topics")');
    await page.keyboard.press('c');
    await page.waitForSelector('#revoke-nonce');
    await tabTo(page, '#revoke-nonce');
    await page.keyboard.type(nonce);
    await page.keyboard.press('Tab');
    await page.keyboard.type('left on a train');
    await page.keyboard.press('Tab');
    await page.keyboard.type(nonce.slice(-6));
    await page.keyboard.press('Tab');
    expect([await focused(page), await isSeen()]).toEqual(['Revoke for good', 200]);
    await page.route('**/v1/admin/revoke', (route) => route.abort());
    await page.keyboard.press('Space');
    await page.getByText('No answer came. It may have been done, or not.').waitFor();
    await expect.poll(() => focused(page)).toBe('Revoke for good');
    await page.unroute('**/v1/admin/revoke');
    await page.keyboard.press('Space');
    await page.getByText(`${nonce} is revoked.`).waitFor();
    await expect.poll(() => focused(page)).toBe(`${nonce} is revoked.`);
    expect(await isSeen()).toBe(401);
    expect(problems).toEqual([]);
    await page.context().close();
  });
});
