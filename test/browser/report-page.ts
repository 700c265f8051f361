import { join, resolve } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

export const ROOT = resolve(import.meta.dirname, '../..');
/** Reports, and pictures of them for people to look at. */
export const FOLDER = join(ROOT, 'node_modules/.cache/report');
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const ARGS = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];

export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: CHROMIUM, args: [...ARGS, '--disable-component-update', '--disable-sync'] });

interface Look {
  readonly hash?: string;
  readonly scheme?: 'light' | 'dark';
  readonly width?: number;
}

/** A page of a report, offline; `problems` is what it complained of or fetched. */
export async function openReport(
  browser: Browser,
  file: string,
  { hash = '', scheme = 'light', width = 1400 }: Look = {},
) {
  const context: BrowserContext = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('console', (message) => problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith('file:')) problems.push(`fetches ${request.url()}`);
  });
  await context.setOffline(true);
  await page.goto(`file://${file}${hash}`);
  await page.waitForSelector('.row');
  return { page, problems };
}

export const stepOf = (page: Page): Promise<string> => page.locator('#step').innerText();
