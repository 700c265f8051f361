import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '../config/values.ts';
import type { ConsoleFile, ConsoleFiles } from '../http/console.ts';

/** What the build makes of `ui/console`: beside what is built, or up from the sources. */
const BUILT = ['./console', '../dist/console', '../../dist/console'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);

/** Every file, with the paths that it is asked for by. */
const FILES = [
  { name: 'index.html', type: 'text/html; charset=utf-8', paths: ['/', '/index.html'] },
  { name: 'main.js', type: 'text/javascript; charset=utf-8', paths: ['/main.js'] },
  { name: 'main.css', type: 'text/css; charset=utf-8', paths: ['/main.css'] },
  { name: 'icon.svg', type: 'image/svg+xml', paths: ['/icon.svg', '/favicon.ico'] },
] as const;

/** The console, read once and whole. @throws ConfigError when it is not built */
export function consoleFiles(): ConsoleFiles {
  const folder = BUILT.find((path) => existsSync(join(path, 'main.js')));
  if (folder === undefined)
    throw new ConfigError('console_bind: the console is not built; npm run build makes it', 'console_bind');
  return new Map(
    FILES.flatMap(({ name, type, paths }) => {
      const file: ConsoleFile = { type, body: readFileSync(join(folder, name)) };
      return paths.map((path): [string, ConsoleFile] => [path, file]);
    }),
  );
}
