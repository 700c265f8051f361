/** A server was told to end before it was ready. */
export class EndedEarly extends Error {
  readonly signal: string;

  constructor(signal: string) {
    super(`ended by ${signal} before it was ready`);
    this.signal = signal;
  }
}

/** Exit code of a process that was told twice to end. Nothing is imported here: this must stand before anything that takes time. */
const CUT_SHORT = 1;

/**
 * What the system tells a server, from before there is one: SIGHUP waits until somebody reads the configuration again; SIGTERM and
 * SIGINT end what is under way, be it the start. Whoever is told a second time to end ends at once.
 */
export class Signals {
  private readonly early = new AbortController();
  private ending: string | null = null;
  private reloadAsked = false;
  private onReload: (() => void) | null = null;
  private onEnd: ((signal: string) => void) | null = null;
  private onSecond: () => void = () => process.exit(CUT_SHORT);

  /** From now on none of them does what the system would do without us: end the process. */
  take(): void {
    // Node's own debugger would listen for everyone on this machine as soon as somebody sends it (I1).
    process.on('SIGUSR1', () => {});
    for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => this.end(signal));
    process.on('SIGHUP', () => this.reload());
  }

  /** Aborted when the process is to end; its reason is an `EndedEarly`. */
  get ended(): AbortSignal {
    return this.early.signal;
  }

  private reload(): void {
    if (this.onReload === null) this.reloadAsked = true;
    else this.onReload();
  }

  private end(signal: string): void {
    if (this.ending !== null) return this.onSecond();
    this.ending = signal;
    this.early.abort(new EndedEarly(signal));
    this.onEnd?.(signal);
  }

  /** Who does it from now on; what was asked for before is done now. */
  handle(to: { reload: () => void; end: (signal: string) => void; second: () => void }): void {
    this.onReload = to.reload;
    this.onEnd = to.end;
    this.onSecond = to.second;
    if (this.ending !== null) return to.end(this.ending);
    if (this.reloadAsked) to.reload();
  }
}

/** Those of this process. */
export const signals = new Signals();
