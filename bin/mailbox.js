#!/usr/bin/env node
/** The command of the package. In a checkout there is nothing to run before it is built: then that is said. */
import { existsSync } from 'node:fs';

const program = new URL('../dist/mailbox.js', import.meta.url);
if (existsSync(program)) await import(program.href);
else {
  process.stderr.write('mailbox: this checkout is not built; run npm run build first\n');
  process.exitCode = 2;
}
