/** Clients that only this benchmark would need: nobody has to install them, and without one its peer is unavailable. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** A folder with `node_modules`, named in the environment; the project's own otherwise. */
const FOLDER = process.env['PEER_MODULES'] ?? process.cwd();
const { resolve } = createRequire(join(FOLDER, 'package.json'));

export function missingModule(name: string): string | null {
  try {
    resolve(name);
    return null;
  } catch {
    return `the package ${name} is not in PEER_MODULES`;
  }
}

export async function loadModule<T>(name: string): Promise<T> {
  const loaded = (await import(pathToFileURL(resolve(name)).href)) as { readonly default?: T };
  return loaded.default ?? (loaded as T);
}
