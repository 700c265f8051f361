import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ReportData } from './model.ts';

/** The page's script and style, as the build makes them: beside what is built, or up from the sources. */
const BUILT = ['./report', '../dist/report', '../../dist/report', '../../../dist/report'].map(
  (path) => new URL(path, import.meta.url).pathname,
);

const sourceOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Nothing is fetched, by the page or by anything in it, and nothing runs in it but this script. */
const policyOf = (script: string, style: string): string =>
  `default-src 'none'; script-src ${sourceOf(script)}; style-src ${sourceOf(style)}; base-uri 'none'; form-action 'none'`;

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** One file that opens anywhere: the page, and the run as data in it. */
export function formatHtml(data: ReportData): string {
  const folder = BUILT.find((path) => existsSync(join(path, 'main.js')));
  if (folder === undefined) throw new Error('report: its page is not built; npm run build makes it');
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
    `<title>${escaped(`${data.title}: ${data.verdict.badge}`)}</title>`,
    `<style>${style}</style>`,
    '</head>',
    '<body>',
    `<noscript><p>${escaped(data.verdict.line)}</p><p>exit code ${data.verdict.exit}</p><p>${escaped(data.repeat)}</p></noscript>`,
    '<div id="app"></div>',
    `<script type="application/json" id="run">${json}</script>`,
    `<script>${script}</script>`,
    '</body>',
    '</html>',
    '',
  ].join('\n');
}
