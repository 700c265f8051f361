import { type ChildProcess, fork } from 'node:child_process';
import type { Answer, Question } from './worker.ts';

/** A mutant that is still exploring after this long goes round in circles; in the full models after ten times as long. */
const TIMEOUT_MS = 120_000;

/** A process that judges bundles, started anew when a mutant hangs it or ends it. */
export class Worker {
  private readonly path: string;
  private child: ChildProcess | null = null;

  constructor(path: string) {
    this.path = path;
  }

  private async start(): Promise<ChildProcess> {
    const child = fork(this.path, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    await new Promise<void>((ready, failed) => {
      child.once('message', () => ready());
      child.once('exit', () => failed(new Error('mutation: the worker does not start')));
    });
    this.child = child;
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
