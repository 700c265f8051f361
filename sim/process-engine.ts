import type { Engine, EngineFrame, Leases, Members, Snapshots } from '../src/ports/engine.ts';

/** What is heard by this process, when it is awake; of one that is gone nothing is. */
export type Hears = <Args extends unknown[]>(run: (...args: Args) => void) => (...args: Args) => void;

/** The engine as one process of a node has it: what it asked for comes to no other. */
export class ProcessEngine implements Engine {
  readonly leases: Leases;
  readonly members: Members;
  readonly snapshots: Snapshots;
  private readonly engine: Engine;
  private readonly hears: Hears;
  private readonly told: (
    frames: readonly EngineFrame[],
    outcomes: Parameters<Parameters<Engine['append']>[1]>[0],
  ) => void;

  /** `told`: what the engine says of appends. */
  constructor(engine: Engine, hears: Hears, told: ProcessEngine['told']) {
    this.engine = engine;
    this.hears = hears;
    this.told = told;
    const { leases, members, snapshots } = engine;
    this.leases = {
      leaseMs: leases.leaseMs,
      claim: (log, owner, done) => leases.claim(log, owner, hears(done)),
      renewAll: (owner, logs, done) => leases.renewAll(owner, logs, hears(done)),
      release: (log, owner) => leases.release(log, owner),
      watch: (changed) => leases.watch(hears(changed)),
      dismiss: (owner, done) => leases.dismiss(owner, hears(done)),
    };
    this.members = {
      join: (member, done) => members.join(member, hears(done)),
      beat: (member, done) => members.beat(member, hears(done)),
      leave: (member, done) => members.leave(member, hears(done)),
      revoke: (revocation, done) => members.revoke(revocation, hears(done)),
      revocations: (after, done) => members.revocations(after, hears(done)),
      takeQuota: (asked, done) => members.takeQuota(asked, hears(done)),
    };
    this.snapshots = {
      list: (log, done) => snapshots.list(log, hears(done)),
      piece: (log, snapshot, number, done) => snapshots.piece(log, snapshot, number, hears(done)),
      put: (log, snapshot, number, bytes, done) => snapshots.put(log, snapshot, number, bytes, hears(done)),
      finish: (log, snapshot, done) => snapshots.finish(log, snapshot, hears(done)),
      discard: (log, maker, done) => snapshots.discard(log, maker, hears(done)),
      trim: (log, sequence, done) => snapshots.trim(log, sequence, hears(done)),
    };
  }

  promise(done: Parameters<Engine['promise']>[0]): void {
    this.engine.promise(this.hears(done));
  }

  append(frames: readonly EngineFrame[], done: Parameters<Engine['append']>[1]): void {
    const hear = this.hears((...[outcomes, why]: Parameters<typeof done>) => {
      this.told(frames, outcomes);
      done(outcomes, why);
    });
    this.engine.append(frames, hear);
  }

  frames(log: number, from: number, done: Parameters<Engine['frames']>[2]): void {
    this.engine.frames(log, from, this.hears(done));
  }

  giveUp(log: number): void {
    this.engine.giveUp?.(log);
  }
}
