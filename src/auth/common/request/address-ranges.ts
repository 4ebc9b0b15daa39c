import { BlockList, isIP } from 'node:net';
import { unmapped } from './address.js';

/** Named ranges, as in Express and Fastify. */
const NAMED: Record<string, readonly string[]> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

/** Addresses and address ranges, for example `['10.0.0.0/8', '2001:db8::1', 'loopback']`. */
export class AddressRanges {
  private readonly list = new BlockList();

  /** @throws RangeError that names the invalid range */
  constructor(ranges: readonly string[]) {
    for (const range of ranges.flatMap((name) => NAMED[name] ?? [name])) this.add(range);
  }

  /** An IPv4-mapped IPv6 address counts as IPv4. */
  contains(address: string): boolean {
    const plain = unmapped(address);
    const family = familyOf(plain);
    return family !== undefined && this.list.check(plain, family);
  }

  private add(range: string): void {
    const [, address, prefix] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(range) ?? [];
    const family = familyOf(address ?? '');
    const longest = family === 'ipv4' ? 32 : 128;
    if (!family || Number(prefix ?? 0) > longest) {
      throw new RangeError(`'${range}' is not an address or a range of addresses`);
    }
    this.list.addSubnet(address, Number(prefix ?? longest), family);
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  switch (isIP(address)) {
    case 4:
      return 'ipv4';
    case 6:
      return 'ipv6';
    default:
      return undefined;
  }
}
