/** The part of macaroons.js that is used; the package brings no types of its index. */
declare module 'macaroons.js' {
  interface CaveatPacket {
    readonly type: number;
    getValueAsText(): string;
  }
  interface Macaroon {
    readonly location: string;
    readonly identifier: string;
    readonly signatureBuffer: Buffer;
    readonly caveatPackets: readonly CaveatPacket[];
    serialize(): string;
  }
  interface Builder {
    add_first_party_caveat(caveat: string): Builder;
    getMacaroon(): Macaroon;
  }
  const macaroons: {
    readonly MacaroonsBuilder: {
      create(location: string, key: Buffer, identifier: string): Macaroon;
      modify(macaroon: Macaroon): Builder;
      deserialize(token: string): Macaroon;
    };
  };
  export default macaroons;
}
