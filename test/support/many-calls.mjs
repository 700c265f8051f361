/**
 * Calls the built program many times in one process: a process each would cost more than all else of a call. Run as
 * `node many-calls.mjs node PROGRAM CALLS`, the calls as JSON; prints what each came to, as JSON.
 */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [, , , program, calls] = process.argv;
// What the program begins with loads the rest of it, once in a process.
const [, rest] = /import\("(\.\/mailbox-\w+\.js)"\)/.exec(readFileSync(program, 'utf8'));
const commands = new URL(rest, pathToFileURL(program)).href;
const finished = [];
const write = process.stdout.write.bind(process.stdout);
for (const [i, args] of JSON.parse(calls).entries()) {
  const call = { out: '', err: '' };
  process.stdout.write = (text) => {
    call.out += text;
    return true;
  };
  process.stderr.write = (text) => {
    call.err += text;
    return true;
  };
  process.argv = [process.argv[0], program, ...args];
  process.exitCode = undefined;
  // Another name each time: what is at the top of the commands runs again.
  await import(`${commands}?call=${i}`);
  finished.push({ code: process.exitCode ?? 0, ...call });
}
process.exitCode = 0;
write(JSON.stringify(finished), () => process.exit(0));
