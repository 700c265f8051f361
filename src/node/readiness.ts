import { createActor } from 'xstate';
import { type Assessment, readinessMachine, type ServerState } from '../../spec/readiness.machine.ts';

/** Why writers should go elsewhere. */
export interface Condition {
  /** As `/readyz` names it (O4). */
  readonly name: string;
  /**
   * `saturated`: at 90 % of a bound, sends are still taken up to it. `unhealthy`: something without which a send may not be
   * accepted is missing. `partial`: a part serves nothing, everything else goes on. `failed`: the process is of no more
   * use (BD3).
   */
  readonly kind: 'saturated' | 'unhealthy' | 'partial' | 'failed';
  /** ms until it may be over. */
  readonly retryAfterMs: number;
}

export interface ReadinessReport {
  readonly ready: boolean;
  /** What is missing, by name (O4). */
  readonly missing: readonly string[];
  /** 0 when ready. */
  readonly retryAfterS: number;
}

export interface ReadinessOptions {
  /** Everything that is wrong at the moment. */
  readonly conditions: () => readonly Condition[];
  /** Called with each new state, and whether sends are to be refused in it. */
  readonly onChange: (state: ServerState, refusesSends: boolean, missing: readonly string[]) => void;
}

const RETRY_STARTING_S = 1;

/** Whether writers should come here (D7, BD3): the readiness machine as a running actor. It looks when it is told to. */
export class Readiness {
  private readonly actor;
  private told = '';

  constructor({ conditions, onChange }: ReadinessOptions) {
    const look = (): Assessment => assess(conditions());
    this.actor = createActor(readinessMachine, { input: { look } });
    this.actor.subscribe(({ context }) => {
      const { refusesSends, missing } = context.seen;
      const news = `${this.state} ${refusesSends} ${missing}`;
      if (news === this.told) return;
      this.told = news;
      onChange(this.state, refusesSends, missing);
    });
    this.actor.start();
  }

  get state(): ServerState {
    return this.actor.getSnapshot().value as ServerState;
  }

  started(): void {
    this.tell('started');
  }

  drain(): void {
    this.tell('drain');
  }

  look(): void {
    this.tell('look');
  }

  /** What still goes on after the end moves nothing. */
  private tell(type: 'started' | 'drain' | 'look'): void {
    if (this.actor.getSnapshot().status === 'active') this.actor.send({ type });
  }

  stop(): void {
    this.actor.stop();
  }

  report(): ReadinessReport {
    this.look();
    const { seen } = this.actor.getSnapshot().context;
    const { state } = this;
    if (state === 'ready') return { ready: true, missing: [], retryAfterS: 0 };
    if (state !== 'degraded_writes') return { ready: false, missing: [state], retryAfterS: RETRY_STARTING_S };
    return { ready: false, missing: seen.missing, retryAfterS: Math.max(1, Math.ceil(seen.retryAfterMs / 1000)) };
  }
}

function assess(conditions: readonly Condition[]): Assessment {
  return {
    failed: conditions.some(({ kind }) => kind === 'failed'),
    missing: conditions.map(({ name }) => name),
    refusesSends: conditions.some(({ kind }) => kind === 'unhealthy'),
    retryAfterMs: Math.max(0, ...conditions.map(({ retryAfterMs }) => retryAfterMs)),
  };
}
