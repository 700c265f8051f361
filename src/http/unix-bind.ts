import { closeSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';

/** As on all the systems where peer credentials are known (`peer-credentials.ts`). */
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
/** The next free number for the same socket, closed in programs that are started. */
const F_DUPFD_CLOEXEC = 1030;

export interface UnixSockets {
  /** Binds a Unix socket to a path and gives its descriptor. @throws ErrnoException */
  bind(path: string): number;
  /** Another descriptor of the same socket. @throws ErrnoException */
  again(fd: number): number;
}

/** Node binds, too, but removes the name when it closes, whoever's socket it is by then. */
export async function unixSockets(): Promise<UnixSockets> {
  const { default: koffi } = await import('koffi');
  const libc = koffi.load(null);
  const socket = libc.func('int socket(int family, int type, int protocol)');
  const bind = libc.func('int bind(int fd, const uint8_t *address, uint32_t length)');
  const fcntl = libc.func('int fcntl(int fd, int command, ...)');
  const failed = (): Error => {
    const code = getSystemErrorName(-koffi.errno());
    return Object.assign(new Error(code), { code });
  };
  const opened = (fd: number): number => {
    if (fd < 0) throw failed();
    return fd;
  };
  return {
    bind: (path) => {
      const fd = opened(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      // struct sockaddr_un: a family of 16 bits in the byte order of the machine, then the path and a zero.
      const address = Buffer.from(`\0\0${path}\0`);
      address.set(new Uint8Array(Uint16Array.of(AF_UNIX).buffer));
      if (bind(fd, address, address.length) === 0) return fd;
      const error = failed();
      closeSync(fd);
      throw error;
    },
    again: (fd) => opened(fcntl(fd, F_DUPFD_CLOEXEC, 'int', 0)),
  };
}
