import type { Group } from './capabilities.ts';
import type { NodeClock } from './clock.ts';
import type { FullOf } from './disk.ts';
import type { ErrorOf, LossOf, Tear } from './disk-trouble.ts';
import type { FAULT_FAMILIES, FaultLog } from './fault-log.ts';
import type { Loop } from './loop.ts';
import type { Direction, Network } from './network.ts';
import type { SimNode } from './node.ts';
import type { Watch } from './watch.ts';

interface Links {
  readonly who: Group | 'all';
  readonly forMs: number;
}

/** One fault as it is injected: no chance is left in it. Times in ms, `node` by number. */
export type Fault = { readonly node: number } & (
  | { readonly kind: 'crash' | 'drain'; readonly downMs: number }
  | { readonly kind: 'pause'; readonly forMs: number }
  /** The shard dies of its next decision. */
  | { readonly kind: 'shard_kill'; readonly shard: number }
  | { readonly kind: 'clock_freeze'; readonly forMs: number }
  | ({ readonly kind: 'partition'; readonly direction: Direction } & Links)
  | ({ readonly kind: 'delay' | 'slow_reader'; readonly byMs: number } & Links)
  | { readonly kind: 'clock_step'; readonly byMs: number }
  | { readonly kind: 'clock_drift'; readonly rate: number; readonly forMs: number }
  | { readonly kind: 'connection_flood'; readonly connections: number; readonly forMs: number }
  /** The machine stops in its disk's op number `ops` from now. */
  | { readonly kind: 'power_cut'; readonly ops: number; readonly tear: Tear; readonly downMs: number }
  /** The next write that must be durable fails. */
  | { readonly kind: 'disk_error'; readonly of: ErrorOf }
  | { readonly kind: 'disk_full'; readonly bytes: number; readonly of?: FullOf; readonly forMs: number }
  /** No file can be opened. */
  | { readonly kind: 'descriptors'; readonly forMs: number }
  | { readonly kind: 'short_write' | 'lost_sync'; readonly forMs: number }
  | { readonly kind: 'bit_flip'; readonly bits: number }
  /** The next write that must be durable goes elsewhere. */
  | { readonly kind: 'misdirected_write' }
  /** The next process finds a segment of its log gone, or cut off. */
  | { readonly kind: 'lost_file'; readonly of: LossOf }
  /** The root keys the node knows from now on. */
  | { readonly kind: 'keyring'; readonly keys: readonly number[] }
);

/** A process that is to go has so long to finish what it has. */
export const DRAIN_MS = 5_000;

/** How long a fault lasts; 0 for one that has no end. */
export function lastsMs(fault: Fault): number {
  if ('forMs' in fault) return fault.forMs;
  if (!('downMs' in fault) || fault.kind === 'power_cut') return 0;
  return fault.kind === 'drain' ? DRAIN_MS + fault.downMs : fault.downMs;
}

/** Injects faults into a world, and ends them. */
export class Injector {
  private readonly loop: Loop;
  private readonly nodes: readonly SimNode[];
  private readonly network: Network;
  private readonly faults: FaultLog;
  private readonly watch: Watch;
  private injected = 0;

  constructor(loop: Loop, nodes: readonly SimNode[], network: Network, faults: FaultLog, watch: Watch) {
    this.loop = loop;
    this.nodes = nodes;
    this.network = network;
    this.faults = faults;
    this.watch = watch;
  }

  inject(fault: Fault): void {
    const { loop, faults, network } = this;
    const node = this.nodes[fault.node];
    if (node === undefined) throw new Error(`fault: there is no node ${fault.node}`);
    const number = ++this.injected;
    loop.mark('fault', number);
    this.watch.fault(fault);
    const end = (afterMs: number, run: () => void): void => loop.after(afterMs, 'end', number, run);
    switch (fault.kind) {
      case 'crash':
        faults.began('crash', loop.nowMs, fault.downMs);
        node.crash();
        return end(fault.downMs, () => node.start());
      case 'drain':
        faults.began('drain', loop.nowMs, lastsMs(fault));
        return node.drain(DRAIN_MS, () => end(fault.downMs, () => node.start()));
      case 'pause':
        faults.began('pause', loop.nowMs, fault.forMs);
        return node.pause(fault.forMs);
      case 'shard_kill':
        faults.began('shard_kill', loop.nowMs);
        return node.killShard(fault.shard);
      case 'partition':
      case 'delay':
      case 'slow_reader':
        faults.began(fault.kind, loop.nowMs, fault.forMs);
        return end(fault.forMs, network.trouble(fault));
      case 'connection_flood':
        faults.began(fault.kind, loop.nowMs, fault.forMs);
        return end(fault.forMs, node.door.flood(fault.connections));
      case 'keyring':
        faults.began('rollover', loop.nowMs);
        return node.useKeys(fault.keys);
      case 'clock_step':
      case 'clock_freeze':
      case 'clock_drift':
        return this.turn(node.clock, fault, node, end);
      default:
        return this.harm(fault, node, end);
    }
  }

  private harm(fault: DiskFaultPlan, node: SimNode, end: (afterMs: number, run: () => void) => void): void {
    const { faults, loop } = this;
    const { disk, trouble } = node.store;
    faults.began(fault.kind, loop.nowMs, lastsMs(fault));
    switch (fault.kind) {
      case 'power_cut':
        return node.stopAt(fault.ops, fault.tear, fault.downMs);
      case 'disk_error':
        return trouble.fail(fault.of);
      case 'disk_full':
        disk.leave(fault.bytes, fault.of ?? 'space');
        return end(fault.forMs, () => disk.makeRoom());
      case 'descriptors':
        return trouble.openNothing(loop.nowMs + fault.forMs);
      case 'short_write':
        return trouble.writeShort(loop.nowMs + fault.forMs);
      case 'lost_sync':
        return trouble.loseSyncs(loop.nowMs + fault.forMs);
      case 'bit_flip':
        return trouble.flip(disk, fault.bits);
      case 'misdirected_write':
        return trouble.misdirect();
      case 'lost_file':
        return trouble.loseFile(fault.of);
    }
  }

  private turn(
    clock: NodeClock,
    fault: Extract<Fault, { kind: 'clock_step' | 'clock_freeze' | 'clock_drift' }>,
    node: SimNode,
    end: (afterMs: number, run: () => void) => void,
  ): void {
    const { faults, loop } = this;
    const change = (run: () => void): void => {
      run();
      node.clockChanged();
    };
    switch (fault.kind) {
      case 'clock_step':
        faults.began(fault.byMs < 0 ? 'clock_back' : 'clock_forward', loop.nowMs);
        clock.step(fault.byMs);
        return node.wallSet();
      case 'clock_freeze':
        faults.began(fault.kind, loop.nowMs, fault.forMs);
        change(() => clock.freeze(true));
        return end(fault.forMs, () => change(() => clock.freeze(false)));
      case 'clock_drift':
        faults.began(fault.kind, loop.nowMs, fault.forMs);
        change(() => clock.drift(fault.rate));
        return end(fault.forMs, () => change(() => clock.drift(1)));
    }
  }
}

type DiskFaultPlan = Extract<Fault, { kind: (typeof FAULT_FAMILIES)['disk'][number] }>;

/** The most of each that a schedule or a replay may ask for at once. */
export const FAULT_MOST = {
  connections: 1_000_000,
  bits: 1_000_000,
  ops: 10_000,
  bytes: 1_000_000_000,
  /** How far a clock is set. */
  stepMs: 86_400_000,
} as const;

/** Faults after which a disk may not have what it said to have: its node may be lost by them. */
export const DAMAGES: readonly string[] = ['lost_sync', 'bit_flip', 'misdirected_write', 'lost_file'];
/** Faults after which durations on a node are not those of true time. */
export const BENDS_TIME: readonly string[] = ['clock_freeze', 'clock_drift'];
