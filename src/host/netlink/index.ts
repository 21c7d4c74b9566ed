export * from './conntrack.ts';
export * from './loopback.ts';
export * from './namespace.ts';
export * from './netfilter.ts';
export * from './route.ts';
export { NETLINK_NETFILTER, NETLINK_ROUTE, NetlinkSocket, netlinkError } from './socket.ts';
