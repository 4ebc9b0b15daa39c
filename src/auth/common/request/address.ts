import { isIP, SocketAddress } from 'node:net';

/** The first 96 bits of an IPv4-mapped address (RFC 4291 §2.5.5.2). */
const MAPPED = '0:0:0:0:0:ffff';

/**
 * Converts an IPv4-mapped IPv6 address to IPv4 (RFC 4291 §2.5.5), however it is spelled. A dual-stack socket shows IPv4
 * addresses in the mapped form.
 */
export function unmapped(ip: string): string {
  if (isIP(ip) !== 6 || ip.includes('%')) return ip;
  const parts = hextets(ip);
  return prefixOf(parts) === MAPPED ? ipv4Of(parts[6], parts[7]) : ip;
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
  return isIP(address) === 4 ? address : unmapped(canonical(address));
}

/**
 * The part of an address that stays the same when a device changes its address by itself: for IPv6 the first 64 bits.
 * An IPv6 address may stand for an IPv4 address. Then the part is the IPv4 address, because all clients of a translator
 * share the first 64 bits.
 */
export function subnetOf(ip: string): string {
  if (isIP(ip) !== 6) return ip;
  const parts = hextets(ip);
  return embeddedIpv4(parts) ?? (isLocalTranslation(parts) ? parts : parts.slice(0, 4)).join(':');
}

/** The part of an address that one customer of a provider has: for IPv6 the first 48 bits at most (RFC 6177 §2). */
export function siteOf(ip: string): string {
  return subnetOf(ip).split(':').slice(0, 3).join(':');
}

/** The IPv4 address of the client behind a translator or a relay. */
function embeddedIpv4(parts: string[]): string | undefined {
  const [first, second, third] = parts;
  const last = ipv4Of(parts[6], parts[7]);
  switch (prefixOf(parts)) {
    // IPv4-mapped, IPv4-translated (RFC 2765 §2.1), and translated by NAT64 or SIIT (RFC 6052 §2.1).
    case MAPPED:
    case '0:0:0:0:ffff:0':
    case '64:ff9b:0:0:0:0':
      return last;
  }
  // A network of 6to4 (RFC 3056 §2): its router has this address, and gives out 65,536 subnets.
  if (first === '2002') return ipv4Of(second, third);
  // Teredo (RFC 4380 §4): the first 64 bits are those of the server. The address of the client is inverted.
  if (first === '2001' && second === '0') return ipv4Of(inverted(parts[6]), inverted(parts[7]));
  return undefined;
}

/** The first 96 bits. */
function prefixOf(parts: string[]): string {
  return parts.slice(0, 6).join(':');
}

/** The prefix for local translators (RFC 8215). Where the IPv4 address is, depends on the network (RFC 6052 §2.2). */
function isLocalTranslation(parts: string[]): boolean {
  return parts.slice(0, 3).join(':') === '64:ff9b:1';
}

function canonical(ipv6: string): string {
  return new SocketAddress({ address: ipv6, family: 'ipv6' }).address;
}

/** The eight parts of an IPv6 address, without leading zeros. */
function hextets(ipv6: string): string[] {
  // The canonical form shortens at most one run of zeros. It may write the last 32 bits as IPv4.
  const text = canonical(ipv6).replace(/\d+\.\d+\.\d+\.\d+$/, (ipv4) => {
    const bytes = Buffer.from(ipv4.split('.').map(Number));
    return `${bytes.readUInt16BE(0).toString(16)}:${bytes.readUInt16BE(2).toString(16)}`;
  });
  const [head, tail = ''] = text.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === '' ? [] : tail.split(':');
  const zeros = text.includes('::') ? Array<string>(8 - before.length - after.length).fill('0') : [];
  return [...before, ...zeros, ...after];
}

function ipv4Of(high: string, low: string): string {
  return Buffer.from(high.padStart(4, '0') + low.padStart(4, '0'), 'hex').join('.');
}

function inverted(part: string): string {
  return (Number.parseInt(part, 16) ^ 0xffff).toString(16);
}
