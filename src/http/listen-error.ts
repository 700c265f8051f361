/** What the system's codes mean for whoever chose the address, and what to do. */
const REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there; stop it, or choose another address',
  EACCES: 'not allowed; choose a port from 1024 on, or give the process CAP_NET_BIND_SERVICE',
  EPERM: 'not allowed',
  EADDRNOTAVAIL: 'this machine has no such address; choose one that it has, or 0.0.0.0 or [::] for all',
  EAFNOSUPPORT: 'this machine has no addresses of that kind',
  ENOTFOUND: 'there is no host of that name; an address needs none',
  EAI_AGAIN: 'the name of the host cannot be looked up at the moment; an address needs none',
};

/** Nothing listens at the address that a setting names: the message says which, and what to do. */
export class ListenError extends Error {
  readonly setting: string;

  /** `where` as the setting has it; `cause` is what listening threw. */
  constructor(setting: string, where: string, cause: unknown) {
    const { code = 'cannot listen' } = cause as NodeJS.ErrnoException;
    const remedy = REMEDIES[code];
    super(`${setting} ${where}: ${code}${remedy === undefined ? '' : `: ${remedy}`}`);
    this.setting = setting;
  }
}
