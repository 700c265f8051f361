import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../support/process.ts';
import { FOLDER, launch } from './report-page.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const page = join(FOLDER, 'space.html');
const shown = join(FOLDER, 'shown.html');

/** As TLC prints it: a receipt that nobody was given settles the lease. */
const STATE = (state: string, more: string): string =>
  `/\\ state = <<"${state}">>\n/\\ redrives = <<0>>\n/\\ releases = <<0>>\n/\\ ttl = <<-1>>\n/\\ keep = <<0>>\n/\\ reason = <<"none">>\n/\\ error = <<"none">>\n/\\ dlq = <<>>\n/\\ up = TRUE\n/\\ crashes = 0\n${more}\n`;
const PRINTED = [
  'Error: Action property SingleLeaseProp is violated.',
  'Error: The behavior up to this point is:',
  'State 1: <Initial predicate>',
  STATE(
    'absent',
    '/\\ attempt = <<0>>\n/\\ epoch = <<0>>\n/\\ receipt = <<0>>\n/\\ timer = <<0>>\n/\\ left = <<0>>\n/\\ visibility = <<0>>\n/\\ window = <<0>>\n/\\ settled = <<>>\n/\\ accepted = {}\n/\\ delivered = <<0>>',
  ),
  'State 2: <Send line 1, col 1 to line 2, col 2 of module Mailbox>',
  STATE(
    'queued',
    '/\\ attempt = <<0>>\n/\\ epoch = <<0>>\n/\\ receipt = <<0>>\n/\\ timer = <<0>>\n/\\ left = <<0>>\n/\\ visibility = <<0>>\n/\\ window = <<2>>\n/\\ settled = <<>>\n/\\ accepted = {1}\n/\\ delivered = <<0>>',
  ),
  'State 3: <Ack line 1, col 1 to line 2, col 2 of module Mailbox>',
  STATE(
    'acked',
    '/\\ attempt = <<0>>\n/\\ epoch = <<0>>\n/\\ receipt = <<0>>\n/\\ timer = <<0>>\n/\\ left = <<0>>\n/\\ visibility = <<0>>\n/\\ window = <<2>>\n/\\ settled = <<>>\n/\\ accepted = {1}\n/\\ delivered = <<0>>',
  ),
  '',
].join('\n');

let browser: Browser;
const problems: string[] = [];

async function open(file: string, hash = '', width = 1300, colorScheme: 'light' | 'dark' = 'light'): Promise<Page> {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
  const opened = await context.newPage();
  opened.on('console', (message) => problems.push(message.text()));
  opened.on('pageerror', (error) => problems.push(error.message));
  opened.on('request', (request) => {
    if (!request.url().startsWith('file:')) problems.push(`fetches ${request.url()}`);
  });
  await context.setOffline(true);
  await opened.goto(`file://${file}${hash}`);
  await opened.waitForSelector('h2');
  return opened;
}

const stateOf = (opened: Page): Promise<string> => opened.locator('section[aria-label="State"] h2').innerText();

beforeAll(async () => {
  mkdirSync(FOLDER, { recursive: true });
  expect((await run(['model', 'explore', 'MCTinyDead', '--out', page])).code).toBe(0);
  const printed = join(FOLDER, 'printed.txt');
  writeFileSync(printed, PRINTED);
  expect(await run(['model', 'explore', 'NegStaleReceipt', '--from', printed, '--out', shown])).toMatchObject({
    code: 0,
  });
  browser = await launch();
}, 60_000);
afterAll(() => browser?.close());

describe('page of a state space (V5)', () => {
  it.each(['light', 'dark'] as const)(
    '%s: opens from a file without a network, and axe finds nothing serious',
    async (scheme) => {
      const opened = await open(page, '#1500', 1300, scheme);
      expect(await opened.locator('header').innerText()).toContain('same steps in every state');
      await opened.evaluate(AXE);
      const found = await opened.evaluate(async () => {
        const { violations } = await (
          globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; impact: string }[] }> } }
        ).axe.run();
        return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id }) => id);
      });
      expect(found).toEqual([]);
      expect(problems).toEqual([]);
      await opened.context().close();
    },
  );

  it('walks by keys and by hand, on and back, and the address names the state', async () => {
    const opened = await open(page);
    expect(await opened.locator('.way .now').innerText()).toBe('Init');
    await opened.keyboard.press('1');
    expect(await opened.locator('.way .now').innerText()).toBe('Send');
    expect(await opened.locator('td.queued').count()).toBe(1);
    await opened.locator('.step', { hasText: 'Recv' }).first().click();
    expect(await opened.locator('td.leased').count()).toBe(1);
    expect(await opened.locator('td.new').count()).toBeGreaterThan(3);
    const there = await stateOf(opened);
    await opened.keyboard.press('ArrowLeft');
    expect(await stateOf(opened)).not.toBe(there);
    await opened.keyboard.press('End');
    expect(await stateOf(opened)).toBe(there);
    expect(new URL(opened.url()).hash).toBe(`#${there.replace('State ', '')}`);
    await opened.context().close();
  });

  it('the shortest way to a state by its number; a number that is none leads nowhere; nothing sticks out at 390 px', async () => {
    const opened = await open(page, '#2000', 390);
    expect(await stateOf(opened)).toBe('State 2000');
    expect(await opened.locator('.way li').count()).toBeGreaterThan(5);
    await opened.locator('input[name=state]').fill('7');
    await opened.locator('form button').click();
    expect(await stateOf(opened)).toBe('State 7');
    await opened.goto('about:blank');
    await opened.goto(`file://${page}#99999999`);
    await opened.waitForSelector('h2');
    expect(await opened.locator('.way .now').innerText()).toBe('Init');
    expect(await opened.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    await opened.context().close();
  });

  it('along what TLC printed: the way is there, and the step that the code does not have is marked', async () => {
    const opened = await open(shown);
    expect(await opened.locator('header').innerText()).toContain('Action property SingleLeaseProp is violated.');
    expect(await opened.locator('.way li').allInnerTexts()).toEqual(['Init', 'Send', 'Ack']);
    await opened.keyboard.press('ArrowRight');
    expect(await opened.locator('.step', { hasText: 'only what TLC printed' }).innerText()).toContain('Ack');
    await opened.keyboard.press('ArrowRight');
    expect(await opened.locator('td.acked').count()).toBe(1);
    expect(problems).toEqual([]);
    await opened.context().close();
  });
});
