import { existsSync } from 'node:fs';

/**
 * Where a program for a thread of its own is. As built: beside what is built of this file, or above it; from the sources,
 * where the build puts it. A thread that is given none of them says so.
 */
export function workerProgram(name: string): URL {
  const places = [`./${name}.js`, `../${name}.js`, `../../dist/${name}.js`].map(
    (path) => new URL(path, import.meta.url),
  );
  return places.find((url) => existsSync(url)) ?? (places[0] as URL);
}
