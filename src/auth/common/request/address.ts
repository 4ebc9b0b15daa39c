import { isIP, SocketAddress } from 'node:net';

const MAPPED = /^::ffff:(?:(\d+\.\d+\.\d+\.\d+)|([0-9a-f]{1,4}):([0-9a-f]{1,4}))$/i;

/** An address as its family writes it: a socket that listens on both shows an IPv4 address as an IPv6 one (RFC 4291 §2.5.5). */
export function unmapped(ip: string): string {
  const [, dotted, high, low] = MAPPED.exec(ip) ?? [];
  if (dotted !== undefined) return dotted;
  if (high === undefined) return ip;
  const bytes = Buffer.from(high.padStart(4, '0') + low.padStart(4, '0'), 'hex');
  return bytes.join('.');
}

/** As some proxies forward it: in brackets, or with the port of the client's end (RFC 7239 §6). */
const WITH_PORT = /^(?:\[([^\]]*)\]|(\d+\.\d+\.\d+\.\d+))(?::\d{1,5})?$/;

/** `null` for what is no address, or only on one link: a proxy that is trusted may still pass on what a client made up. */
export function addressOf(text: string): string | null {
  const [, ipv6, ipv4] = WITH_PORT.exec(text) ?? [];
  const address = unmapped(ipv6 ?? ipv4 ?? text);
  return isIP(address) !== 0 && !address.includes('%') ? address : null;
}

/** What stays the same while a device changes its address by itself: of IPv6, the first 64 bits. */
export function subnetOf(ip: string): string {
  if (isIP(ip) !== 6) return ip;
  // In its one canonical form (RFC 5952), in which at most one run of zeros is left out.
  const { address } = new SocketAddress({ address: ip, family: 'ipv6' });
  const [head, tail = ''] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === '' ? [] : tail.split(':');
  const zeros = address.includes('::') ? Array<string>(8 - before.length - after.length).fill('0') : [];
  return [...before, ...zeros, ...after].slice(0, 4).join(':');
}
