#!/usr/bin/env node
// Runs the compiled program where it was built (the published package), the sources through tsx where not (a clone).
import { existsSync } from 'node:fs';

const built = new URL('../dist/src/cli/main.js', import.meta.url);
if (existsSync(built) && !existsSync(new URL('./cli/main.ts', import.meta.url))) await import(built.href);
else {
  const { register } = await import('tsx/esm/api');
  register();
  await import(new URL('./cli/main.ts', import.meta.url).href);
}
