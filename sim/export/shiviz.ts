import { visible } from '../../src/platform/visible.ts';
import { type Happening, Narrator } from '../narrate.ts';

/**
 * What ShiViz needs to read the log (https://bestchai.bitbucket.io/shiviz): the expression of an event, and the empty line
 * that stands for "one execution". Both go first into the file.
 */
export const SHIVIZ_EXPRESSION = '(?<event>.*)\\n(?<host>\\S*) (?<clock>{.*})';

type VectorClock = Record<string, number>;

/** Writes a run as a ShiViz log: hosts are nodes and clients, requests and replies are what orders them. */
export class ShiVizLog extends Narrator {
  private readonly lines: string[] = [];
  private readonly clocks = new Map<string, VectorClock>();
  /** Clocks that requests and replies carry, by call and copy. */
  private readonly carried = new Map<string, VectorClock>();

  protected override tell(happening: Happening): void {
    const { kind, lane, call, copy, atMs, text } = happening;
    const host = lane.replaceAll(/\s/g, '-');
    const clock = this.clocks.get(host) ?? {};
    const heard = kind === 'arrival' ? `call ${call}` : kind === 'answer' ? `reply ${call} ${copy}` : null;
    for (const [other, time] of Object.entries(this.carried.get(heard ?? '') ?? {})) {
      clock[other] = Math.max(clock[other] ?? 0, time);
    }
    clock[host] = (clock[host] ?? 0) + 1;
    this.clocks.set(host, clock);
    if (kind === 'call') this.carried.set(`call ${call}`, { ...clock });
    if (kind === 'reply') this.carried.set(`reply ${call} ${copy}`, { ...clock });
    this.lines.push(`${atMs} ms: ${visible(text)}\n${visible(host)} ${JSON.stringify(clock)}`);
  }

  text(): string {
    return `${SHIVIZ_EXPRESSION}\n\n${this.lines.join('\n')}\n`;
  }
}
