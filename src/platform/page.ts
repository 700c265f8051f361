import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const sourceOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Nothing is fetched, by the page or by anything in it, and nothing runs in it but this script. */
const policyOf = (script: string, style: string): string =>
  `default-src 'none'; script-src ${sourceOf(script)}; style-src ${sourceOf(style)}; base-uri 'none'; form-action 'none'`;

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

interface Parts {
  /** Of the build's folders, the one that holds its script and style. */
  readonly name: string;
  readonly title: string;
  /** What is read where no script runs, a paragraph each. */
  readonly without: readonly string[];
  /** Read by the script from the element `run`. */
  readonly data: unknown;
}

/** One file that opens anywhere, without a network: a page, and its data in it. @throws Error when the page is not built */
export function pageOf({ name, title, without, data }: Parts): string {
  // Beside what is built, or up from the sources.
  const folder = ['./', '../dist/', '../../dist/', '../../../dist/']
    .map((path) => new URL(path + name, import.meta.url).pathname)
    .find((path) => existsSync(join(path, 'main.js')));
  if (folder === undefined) throw new Error(`${name}: its page is not built; npm run build makes it`);
  const script = readFileSync(join(folder, 'main.js'), 'utf8').replaceAll('</script', '<\\/script');
  const style = readFileSync(join(folder, 'main.css'), 'utf8');
  const json = JSON.stringify(data)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<meta http-equiv="Content-Security-Policy" content="${policyOf(script, style)}">`,
    `<title>${escaped(title)}</title>`,
    `<style>${style}</style>`,
    '</head>',
    '<body>',
    `<noscript>${without.map((text) => `<p>${escaped(text)}</p>`).join('')}</noscript>`,
    '<div id="app"></div>',
    `<script type="application/json" id="run">${json}</script>`,
    `<script>${script}</script>`,
    '</body>',
    '</html>',
    '',
  ].join('\n');
}
