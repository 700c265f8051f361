import type { Fault } from '../fault.ts';
import type { Draws, Range } from '../random.ts';
import type { PlannedFault } from '../schedule.ts';
import { topicOf } from '../setup.ts';
import type { Generator } from './generator.ts';

/** A planned fault happens: what chance leaves open in it is decided, and it is injected or the clients are set on. */
export function fire(generator: Generator, fault: PlannedFault, random: Draws): void {
  const { world, issuer, producers, stranger } = generator;
  const { faults, loop, setup } = world;
  const inject = (concrete: Fault): void => world.injector.inject(concrete);
  const node = 'node' in fault ? (fault.node ?? random.below(setup.nodes)) : 0;
  const ms = (range: Range): number => random.within(range);
  const each = (count: number, run: (i: number) => void): void => {
    for (let i = 0; i < count && producers.length > 0; i++) run(i % producers.length);
  };
  switch (fault.kind) {
    case 'crash':
    case 'drain':
      return inject({ kind: fault.kind, node, downMs: ms(fault.downMs) });
    case 'pause':
      return inject({ kind: 'pause', node, forMs: ms(fault.forMs) });
    case 'clock_freeze':
      return inject({ kind: 'clock_freeze', node, forMs: ms(fault.forMs) });
    case 'partition':
      return inject({ kind: 'partition', node, who: fault.who, direction: fault.direction, forMs: ms(fault.forMs) });
    case 'delay':
    case 'slow_reader':
      return inject({ kind: fault.kind, node, who: fault.who, byMs: ms(fault.byMs), forMs: ms(fault.forMs) });
    case 'clock_step':
      return inject({ kind: 'clock_step', node, byMs: fault.byMs });
    case 'clock_drift':
      return inject({ kind: 'clock_drift', node, rate: fault.rate, forMs: ms(fault.forMs) });
    case 'connection_flood':
      return inject({ kind: fault.kind, node, connections: fault.connections, forMs: ms(fault.forMs) });
    case 'power_cut':
      return inject({ kind: fault.kind, node, ops: ms(fault.ops), tear: fault.tear, downMs: ms(fault.downMs) });
    case 'disk_error':
      return inject({ kind: fault.kind, node, of: fault.of });
    case 'disk_full':
      return inject({ kind: fault.kind, node, bytes: fault.bytes, of: fault.of, forMs: ms(fault.forMs) });
    case 'short_write':
    case 'lost_sync':
    case 'descriptors':
      return inject({ kind: fault.kind, node, forMs: ms(fault.forMs) });
    case 'bit_flip':
      return inject({ kind: fault.kind, node, bits: fault.bits });
    case 'misdirected_write':
      return inject({ kind: fault.kind, node });
    case 'lost_file':
      return inject({ kind: fault.kind, node, of: fault.of });
    case 'shard_kill':
      return inject({ kind: fault.kind, node, shard: fault.shard ?? random.below(setup.shards) });
    case 'burst':
      faults.began(fault.kind, loop.nowMs);
      return each(fault.messages, (i) => producers[i]?.burst(0));
    case 'dedup_flood': {
      const forMs = ms(fault.forMs);
      faults.began(fault.kind, loop.nowMs, forMs);
      return each(fault.messages, (i) => producers[i]?.burst(forMs));
    }
    case 'replay_storm':
      faults.began(fault.kind, loop.nowMs);
      return each(fault.messages, (i) => producers[i]?.replay());
    case 'hot_topic': {
      const forMs = ms(fault.forMs);
      faults.began(fault.kind, loop.nowMs, forMs);
      generator.hotTopic = topicOf(setup, random.below(setup.topics));
      return generator.plan(forMs, () => {
        generator.hotTopic = null;
      });
    }
    case 'revoke':
      return issuer.revoke(fault.of, fault.reissueMs);
    case 'rollover':
      return issuer.rollOver(fault.overlapMs);
    case 'authority_down': {
      const forMs = ms(fault.forMs);
      faults.began(fault.kind, loop.nowMs, forMs);
      return issuer.goDown(forMs);
    }
    case 'auth_failures':
      faults.began(fault.kind, loop.nowMs, 500);
      return stranger[random.below(stranger.length)]?.storm(fault.calls, fault.forged, fault.attenuated);
  }
}
