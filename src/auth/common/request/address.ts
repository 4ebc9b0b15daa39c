import { isIP, SocketAddress } from 'node:net';

const MAPPED = /^::ffff:(?:(\d+\.\d+\.\d+\.\d+)|([0-9a-f]{1,4}):([0-9a-f]{1,4}))$/i;

/**
 * Converts an IPv4-mapped IPv6 address to IPv4 (RFC 4291 §2.5.5). A dual-stack socket shows IPv4 addresses in the
 * mapped form.
 */
export function unmapped(ip: string): string {
  const [, dotted, high, low] = MAPPED.exec(ip) ?? [];
  if (dotted !== undefined) return dotted;
  if (high === undefined) return ip;
  const bytes = Buffer.from(high.padStart(4, '0') + low.padStart(4, '0'), 'hex');
  return bytes.join('.');
}

/** Matches the forms that some proxies forward: in brackets, or with the port of the client (RFC 7239 §6). */
const WITH_PORT = /^(?:\[([^\]]*)\]|(\d+\.\d+\.\d+\.\d+))(?::\d{1,5})?$/;

/**
 * The canonical form (RFC 5952) of an address, so that each has one spelling. An IPv4-mapped one becomes IPv4. `null` if
 * the text is not an address, or is a link-local one with a zone. Even a trusted proxy may forward text that the client
 * made up.
 */
export function addressOf(text: string): string | null {
  const [, ipv6, ipv4] = WITH_PORT.exec(text) ?? [];
  const address = ipv6 ?? ipv4 ?? text;
  if (isIP(address) === 0 || address.includes('%')) return null;
  return isIP(address) === 4 ? address : unmapped(new SocketAddress({ address, family: 'ipv6' }).address);
}

/**
 * The part of an address that stays the same when a device changes its address by itself: for IPv6 the first 64 bits.
 */
export function subnetOf(ip: string): string {
  if (isIP(ip) !== 6) return ip;
  // The canonical form (RFC 5952), which shortens at most one run of zeros.
  const { address } = new SocketAddress({ address: ip, family: 'ipv6' });
  const [head, tail = ''] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === '' ? [] : tail.split(':');
  const zeros = address.includes('::') ? Array<string>(8 - before.length - after.length).fill('0') : [];
  return [...before, ...zeros, ...after].slice(0, 4).join(':');
}
