import type { Capability } from '../auth/authorize.ts';
import { DEFAULT_LIMITS } from '../core/limits.ts';
import type { Caller, Delivery, Reply } from '../service/messages.ts';
import { Service } from '../service/service.ts';
import type { Stream } from '../service/stream.ts';

const NOW_MS = 1_000_000;
const WAIT_MS = 30_000;
const TOPIC = 'orders';
/** Messages that a service remembers before it is exchanged for an empty one. */
const MESSAGES_MAX = 1000;
const RECV = { topic: TOPIC, visibilityMs: null, bytesMax: 1, messagesMax: 1, waitMs: WAIT_MS, acks: [] } as const;
const SEND = {
  ...({ verb: 'send', topic: TOPIC, payload: new Uint8Array(1), payloadHash: null, attrs: {}, corrId: '' } as const),
  ...{ delayMs: 0, ttlMs: Number.POSITIVE_INFINITY },
};
/** Sends what the others wait for, and settles what is left of it. */
const OWNER: Caller = { allowsTopic: () => true, charge: () => 0, isValid: () => true };

/** What became of what waits under a capability. */
export type Came = 'given' | 'ended' | 'waits';

/** Quotas are not part of this model: the rest of the capability is asked as it stands. */
const callerOf = (capability: Capability): Caller => ({
  allowsTopic: (topic) => capability.allowsTopic(topic),
  charge: () => 0,
  isValid: () => capability.isValid(),
});

/**
 * What the shipped service does with a long poll and with a stream that wait under a capability. There is nothing in it
 * between two questions, and its time stands still.
 */
export class Waiting {
  private service: Service | null = null;
  private appends = 0;
  private sent = 0;
  private came: Came = 'waits';
  private delivery: Delivery | undefined;

  /** A message arrives. */
  message(capability: Capability): Came {
    return this.wait(capability, () => this.ask({ ...SEND, idemKey: String(this.sent++) }));
  }

  /** Someone was told that capabilities are over (AU3). */
  capabilitiesEnd(capability: Capability): Came {
    return this.wait(capability, (service) => service.endWaiting(NOW_MS));
  }

  private wait(capability: Capability, happens: (service: Service) => void): Came {
    if (this.service === null || this.sent >= MESSAGES_MAX) this.begin();
    const service = this.service as Service;
    const caller = callerOf(capability);
    const poll = this.poll(service, caller, happens);
    const stream = this.stream(service, caller, happens);
    if (poll !== stream) throw new Error(`a long poll is ${poll} where a stream is ${stream}`);
    return poll;
  }

  private begin(): void {
    this.sent = 0;
    this.service = new Service({
      shards: Service.empty(1, DEFAULT_LIMITS),
      random: { below: () => 0, token: () => 'r' },
      integrity: { payloadHashOf: () => 'b3:', hashChainOf: () => 'b3:' },
      observer: { fact: () => {} },
      effects: { append: () => this.appends++ },
    });
  }

  private poll(service: Service, caller: Caller, happens: (service: Service) => void): Came {
    const reply = (answer: Reply): void => this.told(answer);
    service.request({ verb: 'recv', ...RECV }, caller, NOW_MS, reply);
    happens(service);
    this.sync(service);
    service.cancel(reply);
    return this.settle(service);
  }

  private stream(service: Service, caller: Caller, happens: (service: Service) => void): Came {
    let open: Stream | null = null;
    service.stream({ ...RECV, credit: 1 }, caller, NOW_MS, {
      opened: (_reply, stream) => {
        open = stream;
      },
      deliver: (deliveries) => this.told({ outcome: 'ok', deliveries }),
      ended: (outcome) => this.told({ outcome }),
    });
    happens(service);
    this.sync(service);
    if (open !== null) service.closeStream(open, [], NOW_MS);
    return this.settle(service);
  }

  private told({ outcome, deliveries = [] }: Reply): void {
    [this.delivery] = deliveries;
    if (this.delivery === undefined && outcome !== 'cap_auth') throw new Error(`what waits ends with ${outcome}`);
    this.came = this.delivery === undefined ? 'ended' : 'given';
  }

  private sync(service: Service): void {
    for (; this.appends > 0; this.appends--) service.durable();
  }

  /** What came of it; what is left of the message goes. */
  private settle(service: Service): Came {
    const { came } = this;
    const left = this.delivery ?? this.ask({ verb: 'recv', ...RECV, waitMs: 0 }).deliveries?.[0];
    if (left !== undefined) this.ask({ verb: 'ack', msgId: left.msgId, receipt: left.receipt });
    this.delivery = undefined;
    this.came = 'waits';
    if (service.pollCount + service.streamCount + service.inflight > 0) throw new Error('something is left over');
    return came;
  }

  private ask(request: Parameters<Service['request']>[0]): Reply {
    const service = this.service as Service;
    let answer: Reply | undefined;
    service.request(request, OWNER, NOW_MS, (reply) => {
      answer = reply;
    });
    this.sync(service);
    return answer as Reply;
  }
}
