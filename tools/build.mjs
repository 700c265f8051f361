/**
 * Builds what is run, into `dist`, and leaves alone whoever runs what was there: files are made aside and take their names one by one,
 * the program last; what it does not need any more stays for whoever is just starting it. Nothing is done when no source has changed.
 * `--only` removes all else from `dist`, for a package. Plain JavaScript: it is what runs before anything is built.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { build } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');
const STAMP = join(DIST, '.build.json');
/** Where a build is made; one that was broken off may have left it. */
const ASIDE = '.making-';
const PROGRAM = 'mailbox.js';
/** A process that has begun to start needs no old file after this time. */
const KEEP_MS = 3_600_000;

/** Packages that stay packages: all but TypeBox, which as its hundreds of files takes a third of the time that a server takes to start. */
const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const external = Object.keys(dependencies).filter((name) => name !== 'typebox');

const node = { bundle: true, platform: 'node', format: 'esm', target: 'node20', logLevel: 'warning' };
const browser = { platform: 'browser', target: 'es2022' };
const page = {
  ...{ bundle: true, minify: true, target: 'es2022', logLevel: 'warning' },
  ...{ jsx: 'automatic', jsxImportSource: 'preact' },
};
/** The name of an error's class is for its readers. */
const client = (format, outdir) => ({
  ...{ ...node, format, sourcemap: true, keepNames: true, outdir },
  outExtension: { '.js': format === 'cjs' ? '.cjs' : '.js' },
});
const programs = (outdir) => [
  {
    ...node,
    entryPoints: { mailbox: 'src/cli/entry.ts', 'explorer-worker': 'src/cli/explorer-worker.ts' },
    splitting: true,
    external,
    sourcemap: true,
    outdir,
  },
  // What `import 'svc-mailbox'` and `require` load, in Node and elsewhere; its types are made beside it (`npm run types`).
  ...['esm', 'cjs'].flatMap((format) => [
    { ...client(format, outdir), entryPoints: { client: 'src/client/index.ts' }, external },
    { ...client(format, outdir), entryPoints: { 'client.browser': 'src/client/browser.ts' }, ...browser },
  ]),
  {
    // A text each, with everything in it: `src/journal/loaded-program.ts`.
    ...node,
    entryPoints: ['src/cli/journal-worker.ts', 'src/cli/shard-worker.ts', 'src/cli/past-worker.ts'],
    minifyWhitespace: true,
    mainFields: ['module', 'main'],
    alias: { '@napi-rs/blake-hash': './src/cli/worker-native.ts' },
    outdir,
  },
  {
    ...page,
    entryPoints: ['sim/report/ui/main.tsx'],
    outdir: join(outdir, 'report'),
  },
  {
    ...page,
    entryPoints: ['ui/explore/main.tsx'],
    outdir: join(outdir, 'explore'),
  },
  {
    ...page,
    entryPoints: ['ui/console/main.tsx', 'ui/console/index.html', 'ui/console/icon.svg'],
    loader: { '.html': 'copy', '.svg': 'copy' },
    outdir: join(outdir, 'console'),
  },
];

const filesIn = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

const hashOf = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');

/** Of every file that the build may read. */
function sourcesHash() {
  const hash = createHash('sha256');
  const folders = ['spec', 'src', 'sim', 'ui'].flatMap((folder) => filesIn(join(ROOT, folder)));
  for (const file of [
    ...folders,
    ...['package-lock.json', 'package.json', 'tools/build.mjs'].map((f) => join(ROOT, f)),
  ]) {
    hash.update(`${relative(ROOT, file)}\0${hashOf(file)}\n`);
  }
  return hash.digest('hex');
}

function lastStamp() {
  try {
    return JSON.parse(readFileSync(STAMP, 'utf8'));
  } catch {
    return null;
  }
}

/** Whether all of it is there as it was built: a second build may have come in between. */
const isWhole = ({ files }) =>
  Object.entries(files).every(([file, hash]) => existsSync(join(DIST, file)) && hashOf(join(DIST, file)) === hash);

async function make(sources, last) {
  mkdirSync(DIST, { recursive: true });
  for (const left of readdirSync(DIST).filter((name) => name.startsWith(ASIDE))) {
    if (Date.now() - statSync(join(DIST, left)).mtimeMs > KEEP_MS) rmSync(join(DIST, left), { recursive: true });
  }
  const aside = mkdtempSync(join(DIST, ASIDE));
  try {
    const inputs = [];
    for (const options of programs(aside)) {
      const { metafile } = await build({ ...options, absWorkingDir: ROOT, metafile: true });
      inputs.push(...Object.keys(metafile.inputs));
    }
    writeFileSync(join(aside, 'LICENSES.txt'), termsOf(inputs));
    const made = filesIn(aside).map((path) => relative(aside, path));
    const files = Object.fromEntries(made.map((file) => [file, hashOf(join(aside, file))]));
    const superseded = supersededBy(files, last);
    // Whoever starts the program in between finds everything that it names, be it the old one or the new.
    for (const file of made.sort((a, b) => Number(a === PROGRAM) - Number(b === PROGRAM))) {
      mkdirSync(dirname(join(DIST, file)), { recursive: true });
      renameSync(join(aside, file), join(DIST, file));
    }
    writeFileSync(join(aside, 'stamp'), JSON.stringify({ sources, files, superseded }));
    renameSync(join(aside, 'stamp'), STAMP);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

/** The terms of every package whose code is in what was built: they go where it goes. */
function termsOf(inputs) {
  const packages = new Set(inputs.flatMap((file) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []));
  return [...packages]
    .sort()
    .map((name) => {
      const folder = join(ROOT, 'node_modules', name);
      const file = readdirSync(folder).find((entry) => /^licen[cs]e(\.|$)/i.test(entry));
      if (file === undefined) throw new Error(`${name}: bundled, and says nothing of its terms`);
      return `${name}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
    })
    .join('\n\n');
}

/** What the builds before left, and since when it is of no use; removes what nobody can be about to load. */
function supersededBy(files, last) {
  const nowMs = Date.now();
  const old = {
    ...Object.fromEntries(Object.keys(last?.files ?? {}).map((file) => [file, nowMs])),
    ...last?.superseded,
  };
  const kept = Object.entries(old).filter(([file]) => !(file in files));
  for (const [file, sinceMs] of kept) if (nowMs - sinceMs > KEEP_MS) rmSync(join(DIST, file), { force: true });
  return Object.fromEntries(kept.filter(([, sinceMs]) => nowMs - sinceMs <= KEEP_MS));
}

/** Leaves nothing but what was built. */
function clean() {
  const { files } = lastStamp();
  for (const path of filesIn(DIST)) if (!(relative(DIST, path) in files)) rmSync(path);
}

const sources = sourcesHash();
const last = lastStamp();
if (last?.sources !== sources || !isWhole(last)) await make(sources, last);
if (process.argv.includes('--only')) clean();
