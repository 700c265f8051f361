import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Scene, scene } from '../support/console-scene.ts';
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

describe('console: capabilities', () => {
  it('a capability that is revoked in mid-page: said at once, asked no more, another one goes on (AU4, S3)', async () => {
    const { page } = await open({ hash: '#/topics/t.mail' });
    const { server } = now;
    const doomed = server.cap('topic prefix t', 'op = view,stats');
    await connect(page, doomed);
    await page.waitForSelector('a.row');
    const nonce = /identifier v1:k1:(\w{26})/.exec(Buffer.from(doomed, 'base64url').toString('latin1'))?.[1];
    const cap = server.cap('topic = mailbox.admin', 'op = admin');
    expect((await server.post('/v1/admin/revoke', { nonce, reason: 'test' }, { cap })).status).toBe(200);
    await page.getByText('The server takes this capability no more.').first().waitFor();
    // What was there is still there to read, and said to be old.
    expect(await page.locator('a.row').count()).toBe(8);
    await goTo(page, '#/capabilities', '.card.over');
    expect(await page.innerText('.card')).toContain('The server refused it');
    await connect(page, now.viewer);
    await goTo(page, '#/topics/t.mail', 'a.row');
    expect(await page.locator('.trouble').count()).toBe(0);
    await page.context().close();
  });

  it('a capability is narrowed in the page, and nobody is asked: it does what the page says and no more (U2, AU6)', async () => {
    const { page, problems } = await open({ hash: '#/capabilities' });
    await connect(page, now.viewer);
    await page.click('.narrow summary');
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.getByLabel('topic, or the beginning').fill('other');
    expect(await page.innerText('.narrow .note')).toBe('topic: not one of those it is for');
    await page.getByLabel('topic, or the beginning').fill('t.orders');
    await page.getByLabel('ends in, hours').fill('0.5');
    await page.getByLabel('requests at most').fill('100');
    await page.getByRole('checkbox', { name: 'stats' }).uncheck();
    expect(await page.innerText('.narrow [role=status]')).toMatch(
      /^It will allow view of t\.orders.*, until .*100 requests in 60 s/,
    );
    await page.getByRole('button', { name: 'Make it' }).click();
    const token = await page.inputValue('.narrow textarea');
    expect(asked.filter((url) => url.includes('/v1/'))).toEqual([]);
    const look = async (topic: string) =>
      (await now.server.ask('GET', `/v1/messages?topic=${topic}`, undefined, { cap: token })).status;
    expect([await look('t.orders'), await look('t.mail')]).toEqual([200, 403]);
    await page.getByRole('button', { name: 'Take it in hand here' }).click();
    expect(await page.locator('.card').count()).toBe(2);
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('a revocation says what it ends, takes the nonce typed again, and holds at once (U2, AU4)', async () => {
    const { page, problems } = await open({ hash: '#/capabilities' });
    const victim = now.server.cap('topic = t.orders', 'op = view');
    const nonce = /[0-9A-HJKMNP-TV-Z]{26}/.exec(Buffer.from(victim, 'base64url').toString('latin1'))?.[0] as string;
    await connect(page, now.viewer);
    await page.waitForSelector('.card');
    expect(await page.locator('#revoke').count()).toBe(0);
    await connect(page, now.revoker);
    const isSeen = async () =>
      (await now.server.ask('GET', '/v1/messages?topic=t.orders', undefined, { cap: victim })).status;
    expect(await isSeen()).toBe(200);
    await page.fill('#revoke-nonce', nonce);
    await page.fill('#revoke-reason', 'left on a train');
    await page.fill('#revoke-sure', nonce.slice(0, 6));
    expect(await page.getByRole('button', { name: 'Revoke for good' }).isDisabled()).toBe(true);
    await page.fill('#revoke-sure', nonce.slice(-6));
    await page.getByRole('button', { name: 'Revoke for good' }).click();
    await page.getByText(`${nonce} is revoked.`).waitFor();
    expect(await isSeen()).toBe(401);
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('what is no capability, no topic and no message is said so; a reload forgets (U2)', async () => {
    const { page } = await open();
    await connect(page, 'nonsense');
    expect(await page.innerText('#token-wrong')).toBe('There is no capability in this text.');
    await connect(page, 'x'.repeat(100));
    expect(await page.innerText('#token-wrong')).toBe('This is no capability of a mailbox.');
    await connect(page, now.viewer);
    await goTo(page, '#/messages/01J8ZC4V2N6Q9R0S3T5W7X8Y1A', '.trouble');
    expect(await page.innerText('.trouble')).toContain('E_NOT_FOUND');
    await goTo(page, '#/topics/secret.topic', '.trouble');
    expect(await page.innerText('.trouble')).toContain('No capability in hand allows');
    await page.reload();
    await page.waitForSelector('#token');
    await page.context().close();
  });
});
