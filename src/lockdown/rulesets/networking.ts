/** Layer: lockdown. Sockets: making them, by family and type, and using them. */
import { arg32 } from "../context/condition.ts";
import { YesReally } from "../context/rule-set.ts";
import { Grants } from "./grant.ts";

/** include/linux/socket.h, include/linux/net.h (the same on x86-64 and arm64). */
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
/** SOCK_CLOEXEC and SOCK_NONBLOCK ride on the type; every other bit must match. */
const TYPE = 0xffffffff & ~(0o2000000 | 0o4000);

const WAIT = [
  "epoll_create",
  "epoll_create1",
  "epoll_ctl",
  "epoll_wait",
  "epoll_pwait",
  "epoll_pwait2",
  "select",
  "pselect6",
  "poll",
  "ppoll",
  "eventfd",
  "eventfd2",
];
const OPTIONS = ["fcntl", "ioctl", "getsockopt", "setsockopt", "getpeername", "getsockname", "shutdown"];
const RECEIVE = ["recvfrom", "recvmsg", "recvmmsg"];
const SEND = ["sendto", "sendmsg", "sendmmsg"];
const READ = ["read", "readv", "preadv", "preadv2"];
const WRITE = ["write", "writev", "pwritev", "pwritev2"];

export class Networking extends Grants {
  readonly name = "Networking";

  private constructor() {
    super();
  }

  static nothing(): Networking {
    return new Networking();
  }

  /** A TCP server that listens already goes on: no new sockets, no new ports. */
  allowRunningTcpServers(): this {
    return this.#use().allow("waits for and accepts connections", ["listen", "accept", "accept4"]);
  }

  /** New TCP servers. */
  allowStartTcpServers(): YesReally<this> {
    return this.#server("allowStartTcpServers", [AF_INET, AF_INET6], [SOCK_STREAM]);
  }

  /** UDP sockets that are bound already go on. */
  allowRunningUdpSockets(): this {
    return this.#use();
  }

  /** New UDP sockets and ports. */
  allowStartUdpServers(): YesReally<this> {
    return this.#server("allowStartUdpServers", [AF_INET, AF_INET6], [SOCK_DGRAM]);
  }

  /** Connecting sockets that are there. */
  allowConnect(): YesReally<this> {
    return new YesReally(
      "Networking.allowConnect()",
      "a filter cannot read addresses, so it connects to anywhere",
      () => this.allow("connects sockets", ["connect"]),
    );
  }

  /** New TCP connections to anywhere; no servers. allowConnectPort() narrows it. */
  allowStartTcpClients(): this {
    this.#sockets([AF_INET, AF_INET6], [SOCK_STREAM]);
    return this.allow("connects sockets", ["connect"]).#use();
  }

  /** Connections that are there go on. */
  allowRunningTcpClients(): this {
    return this.#use();
  }

  /** New Unix socket servers, stream and datagram. */
  allowStartUnixServers(): YesReally<this> {
    return this.#server("allowStartUnixServers", [AF_UNIX], [SOCK_STREAM, SOCK_DGRAM]);
  }

  /** A Unix socket server that listens already goes on. */
  allowRunningUnixServers(): this {
    return this.#use().allow("waits for and accepts connections", ["listen", "accept", "accept4"]);
  }

  /** Unix socket connections that are there go on. */
  allowRunningUnixClients(): this {
    return this.#use();
  }

  // Landlock (ABI 4): which TCP ports. Once one is named, every other port is refused.

  /** TCP connections to this port. Allows no call by itself. */
  allowConnectPort(port: number): this {
    return this.allowPort(port, ["connectTcp"]);
  }

  /** TCP servers on this port. Allows no call by itself. */
  allowBindPort(port: number): this {
    return this.allowPort(port, ["bindTcp"]);
  }

  #server(method: string, families: readonly number[], types: readonly number[]): YesReally<this> {
    const danger =
      "bind cannot be limited to an address by a filter; bind first and allow the running server, where you can";
    return new YesReally(`Networking.${method}()`, danger, () => {
      this.#sockets(families, types);
      return this.allow("names sockets", ["bind"])
        .#use()
        .allow("waits for and accepts connections", ["listen", "accept", "accept4"]);
    });
  }

  /** By equality: a mask that asks for AF_UNIX's one bit would let every odd family in. */
  #sockets(families: readonly number[], types: readonly number[]): void {
    this.allowWhen(
      "makes sockets of these families and types",
      ["socket"],
      arg32(0).in(...families),
      arg32(1)
        .masked(TYPE)
        .in(...types),
    );
  }

  /** Sockets are read and written like files. The standard streams are left to SystemIO, and so is a wider grant. */
  #use(): this {
    const socket = arg32(0).gt(2);
    this.allowAtLeast("reads from sockets", READ, socket).allowAtLeast("writes to sockets", WRITE, socket);
    this.allow("receives", RECEIVE).allow("sends", SEND).allow("sends files", ["sendfile"]);
    return this.allow("waits for sockets", WAIT).allow("looks at and sets up sockets", OPTIONS);
  }
}
