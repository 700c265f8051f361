#!/usr/bin/env node
/** Where the program begins: a server hears the system before anything else of it is loaded. */
import { signals } from './signals.ts';

if (process.argv[2] === 'serve') signals.take();
await import('./mailbox.ts');
