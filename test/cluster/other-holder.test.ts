import { describe, expect, it } from 'vitest';
import { otherHolder } from '../../src/cluster/other-holder.ts';
import fc from '../support/properties.ts';

const nameArb = fc.constantFrom('a', 'b', 'c', 'd');
const memberOf = (name: string) => ({
  ...{ name, owner: `${name}.1`, url: `http://${name}`, version: '1', quietMs: 0, isConnected: true },
});
const companyArb = fc.record({
  members: fc.uniqueArray(nameArb).map((names) => names.map(memberOf)),
  holders: fc
    .uniqueArray(fc.tuple(fc.nat(7), nameArb), { selector: ([shard]) => shard })
    .map((held) => held.map(([shard, name]) => ({ shard, owner: `${name}.1`, leftMs: 1 }))),
  revoked: fc.constant(0),
});

describe('cluster: the other node that has a shard', () => {
  it('is the member whose lease it is, and nobody where that is us, who is gone, or no lease at all (B13)', () => {
    fc.assert(
      fc.property(companyArb, fc.nat(7), nameArb, (company, shard, own) => {
        const found = otherHolder(company, shard, `${own}.1`);
        const [lease] = company.holders.filter((held) => held.shard === shard);
        const mayBe = company.members.filter(({ name, owner }) => owner === lease?.owner && name !== own);
        expect([found].filter((one) => one !== null)).toEqual(mayBe);
      }),
    );
  });

  it('is another process of the node of this name, too: it is not this one that serves', () => {
    const members = [{ ...memberOf('a'), owner: 'a.2' }];
    const company = { members, holders: [{ shard: 1, owner: 'a.2', leftMs: 1 }], revoked: 0 };
    expect([otherHolder(company, 1, 'a.1')?.name, otherHolder(company, 1, 'a.2')]).toEqual(['a', null]);
  });
});
