import { type ChildProcess, fork } from 'node:child_process';
import type { Answer, Question } from './worker.ts';

/** A mutant that is still exploring after this long goes round in circles; in the full models after ten times as long. */
const TIMEOUT_MS = 120_000;
const SAID_MAX = 10_000;

/** One that goes round in circles does not see that there is nobody left to answer. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A process that judges bundles, started anew when a mutant hangs it or ends it. */
export class Worker {
  private readonly path: string;
  private child: ChildProcess | null = null;

  constructor(path: string) {
    this.path = path;
  }

  private async start(): Promise<ChildProcess> {
    const child = fork(this.path, { execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    // What a mutant says when it ends the process is its own affair.
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      if (said.length < SAID_MAX) said += chunk.toString();
    });
    await new Promise<void>((ready, failed) => {
      child.once('message', () => ready());
      child.once('close', () => failed(new Error(`mutation: the worker does not start: ${said}`)));
    });
    this.child = child;
    running.add(child);
    child.once('close', () => running.delete(child));
    return child;
  }

  async ask(question: Question): Promise<Answer> {
    const child = this.child ?? (await this.start());
    return new Promise((settle) => {
      const end = (answer: Answer): void => {
        clearTimeout(timer);
        child.removeAllListeners('message');
        child.removeAllListeners('exit');
        settle(answer);
      };
      const timer = setTimeout(
        () => {
          this.end();
          end({ killedBy: 'timeout', why: 'does not come to an end' });
        },
        question.thorough ? 10 * TIMEOUT_MS : TIMEOUT_MS,
      );
      child.once('message', (answer) => end(answer as Answer));
      child.once('exit', () => {
        this.child = null;
        end({ killedBy: 'crash', why: 'the process ends' });
      });
      child.send(question);
    });
  }

  end(): void {
    this.child?.kill('SIGKILL');
    this.child = null;
  }
}
