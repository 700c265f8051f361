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

const open = (look: Parameters<typeof openConsole>[2] = {}) => openConsole(browser, now, look);

describe('console: acts', () => {
  it('a viewer sees dead letters and no act; an admin counts before it puts back and before it deletes (DL5, AU7)', async () => {
    const { page, problems } = await open({ hash: '#/dead/t.orders' });
    await connect(page, now.viewer);
    await page.waitForSelector('a.row');
    expect(await page.locator('.panel').count()).toBe(0);
    await goTo(page, '#/capabilities', '#token');
    await connect(page, now.admin);
    await goTo(page, '#/dead/t.orders', '.panel');
    const back = page.locator('.panel').first();
    expect(await back.locator('button.main').isDisabled()).toBe(true);
    await page.locator('tbody input[type=checkbox]').first().click();
    await back.getByRole('button', { name: 'Count' }).click();
    await back.getByText('It would put back 1').waitFor();
    // Another rate is another request: the count is not good for it.
    await page.fill('#rate', '50');
    expect(await back.locator('button.main').isDisabled()).toBe(true);
    await page.fill('#rate', '100');
    await back.getByRole('button', { name: 'Put 1 back' }).click();
    await back.getByText('1 put back').waitFor();
    expect(page.url()).toMatch(/redrive=[0-9A-Z]{26}/);
    await page.waitForFunction(() => document.querySelectorAll('tbody a.row').length === 3);
    // What was picked is gone: it is all of them again.
    const purge = page.locator('.panel').nth(1);
    await page.locator('tbody input[type=checkbox]').first().click();
    await purge.getByRole('button', { name: 'Count' }).click();
    await purge.getByText('It would delete 1 dead letter and no other').waitFor();
    expect(await purge.locator('button.danger').isDisabled()).toBe(true);
    await page.fill('#sure', 't.orders');
    await purge.locator('button.danger').click();
    await purge.getByText('Deleted 1 of 1.').waitFor();
    await page.waitForFunction(() => document.querySelectorAll('tbody a.row').length === 2);
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('a slow redrive is cancelled: what is back stays back (DL5)', async () => {
    const { server } = now;
    const cap = server.cap('topic prefix t', 'op = send,recv,nack');
    for (let i = 0; i < 20; i++) {
      await server.post('/v1/send', { topic: 't.slow', idem_key: `slow-${i}`, payload_b64: base64('x') }, { cap });
      await rejected(server, cap, 't.slow', 'slow');
    }
    const { page } = await open({ hash: '#/dead/t.slow' });
    await connect(page, server.cap('topic = t.slow', 'op = admin'));
    await page.waitForSelector('.panel');
    await page.fill('#rate', '1');
    const back = page.locator('.panel').first();
    await back.getByRole('button', { name: 'Count' }).click();
    await back.getByRole('button', { name: /Put \d+ back/ }).click();
    await back.getByRole('button', { name: 'Cancel' }).click();
    await back.getByText(/cancelled: \d+ put back/).waitFor();
    await page.context().close();
  });

  it('sends what the preview says, and leads to it (U2)', async () => {
    const { page } = await open({ hash: '#/send' });
    await connect(page, now.viewer, now.sender);
    await page.fill('#topic', 't.sent');
    await page.fill('#key', 'by-hand');
    await page.fill('#payload', '{"a": 1}');
    await page.fill('#attrs', 'tenant=acme');
    expect(await page.innerText('#preview')).toBe('Puts one message of 8 B and 1 attribute into t.sent.');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.click('.done a');
    await page.waitForSelector('.holds');
    expect(await page.innerText('.payload pre')).toBe('{\n  "a": 1\n}');
    await page.context().close();
  });
});
