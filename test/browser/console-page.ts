import type { Browser, Page } from 'playwright-core';
import type { Scene } from '../support/console-scene.ts';

interface Look {
  readonly width?: number;
  readonly scheme?: 'light' | 'dark';
  readonly hash?: string;
}

/** The console in a page; `problems`: what broke its policy, what it threw, and where else it asked. */
export async function openConsole(
  browser: Browser,
  { server }: Scene,
  { width = 1280, scheme = 'light', hash = '' }: Look = {},
) {
  const context = await browser.newContext({ viewport: { width, height: 844 }, colorScheme: scheme });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', ({ message }) => problems.push(message));
  page.on('console', (message) => {
    // A refusal is an answer; Chromium says so all the same.
    if (!message.text().startsWith('Failed to load resource')) problems.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(server.consoleUrl)) problems.push(`asks ${request.url()}`);
  });
  await page.goto(`${server.consoleUrl}/${hash}`);
  return { page, problems };
}

export async function connect(page: Page, ...capabilities: string[]): Promise<void> {
  await page.fill('#token', capabilities.join('\n'));
  await page.click('button.main');
}

export const goTo = async (page: Page, hash: string, ready: string): Promise<void> => {
  await page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
  await page.waitForSelector(ready);
};
