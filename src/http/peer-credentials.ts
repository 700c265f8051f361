import type { Socket } from 'node:net';

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** struct ucred: pid, uid, gid, 32 bits each. */
const UCRED_BYTES = 12;
/** What the kernel says of a peer that has no user, such as one of TCP. */
const NOBODY = 0xffff_ffff;
/** Where `SO_PEERCRED` has this number; elsewhere it names another option. */
const ARCHITECTURES = ['x64', 'arm64', 'arm', 'ia32', 'riscv64', 'loong64'];

/** The uid behind a connected Unix socket, or null when the kernel does not say. */
export type PeerUid = (socket: Socket) => number | null;

/** How to ask the kernel, or why it cannot be asked here. */
export async function peerCredentials(): Promise<PeerUid | string> {
  if (process.platform !== 'linux') return 'peer credentials need Linux';
  if (!ARCHITECTURES.includes(process.arch)) return `peer credentials are not known on ${process.arch}`;
  try {
    const { default: koffi } = await import('koffi');
    const getsockopt = koffi
      .load(null)
      .func('int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)');
    return (socket) => {
      const fd = (socket as Socket & { _handle?: { fd?: number } | null })._handle?.fd;
      if (typeof fd !== 'number' || fd < 0) return null;
      const ucred = Buffer.alloc(UCRED_BYTES);
      const length = [UCRED_BYTES];
      if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ucred, length) !== 0 || length[0] !== UCRED_BYTES) return null;
      const uid = new Uint32Array(ucred.buffer, ucred.byteOffset, 3)[1] as number;
      return uid === NOBODY ? null : uid;
    };
  } catch {
    return 'peer credentials need the package koffi, which does not load here';
  }
}
