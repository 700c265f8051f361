import type { LogLevel } from '../observe/events.ts';
import { createLog, type Log, type LogFormat, placeOf } from '../observe/log.ts';
import { LogOutput } from '../observe/log-output.ts';
import { standardStream } from '../observe/standard-stream.ts';
import { EXIT } from './shared.ts';

/** Last lines have so long to leave: whoever does not read them is not waited for. */
const LAST_LINES_MS = 1000;

/** What a server is as a process: its log on standard output, whatever that is, and how it ends. */
class ServerProcess {
  readonly log: Log;
  readonly output: LogOutput;

  constructor(level: LogLevel, format: LogFormat) {
    this.output = new LogOutput({
      out: standardStream(1),
      resumed: ({ decisions, others }) => this.log.error('log.dropped', { lines: decisions + others, decisions }),
    });
    this.log = createLog(level, format, this.output.write);
    // Node would write them to standard error, and wait for whoever should read that.
    process.removeAllListeners('warning');
    process.on('warning', (warning) => this.log.warn('process.warning', placeOf(warning)));
    // A bug outside of every request.
    process.on('uncaughtException', (error) => {
      this.log.error('process.failed', placeOf(error));
      this.leave(EXIT.failed);
    });
  }

  /** For people, on standard error: a terminal, a file, or nobody. */
  readonly say = (text: string): void => standardStream(2).write(Buffer.from(text), () => {});

  readonly leave = (code: number): void => {
    this.output.end(LAST_LINES_MS).then(() => process.exit(code));
  };
}

let current: ServerProcess | null = null;

/** The one there is; made when it is first asked for. */
export const serverProcess = (level: LogLevel = 'info', format: LogFormat = 'json'): ServerProcess => {
  current ??= new ServerProcess(level, format);
  return current;
};
