import type { RecentFacts } from '../../src/service/recent-facts.ts';
import { Breach } from './breach.ts';

/**
 * What a process has told of its messages, the next one tells again, as far back as it remembers, and every cursor that was given goes on
 * where it did (B10).
 */
export function mustTellAgain(before: RecentFacts, now: RecentFacts): void {
  if (now.last < before.last) throw new Breach('B10', `${before.last} facts were told, and ${now.last} are known`);
  for (let n = Math.max(before.first, now.first); n <= before.last; n++) {
    const [was, is] = [before.at(n), now.at(n)];
    const msgId = 'msgId' in was ? was.msgId : null;
    const [said, says] = [was, is].map((told) => JSON.stringify(told));
    if (said !== says) throw new Breach('B10', `fact ${n} was ${said}, and is ${says}`, msgId);
    const cursor = before.cursorOf(n);
    const place = now.placeOf(cursor);
    if (place !== n) throw new Breach('B10', `after=${cursor} went on after fact ${n}, and now: ${place}`, msgId);
  }
}
