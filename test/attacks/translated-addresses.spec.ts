import { AuthThrottlingModule } from 'nestjs-refresh-token/throttling';
import { expect, it, onTestFinished } from 'vitest';
import { subnetOf, unmapped } from '../../src/auth/common/request/address.js';
import { createAuthApp } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { login } from '../support/http.js';

const from = (ip: string) => ({ 'x-forwarded-for': ip });
const RIGHT = { username: 'alice', password: 'alice-password', transport: 'body' as const };

/** How an IPv4 client may appear at a server of IPv6: by NAT64 or SIIT, mapped, spelled out, by 6to4 and by Teredo. */
const FORMS: [name: string, form: (last: number) => string][] = [
  ['the prefix of NAT64', (last) => `64:ff9b::192.0.2.${last}`],
  ['that prefix in hexadecimal', (last) => `64:ff9b::c000:2${last.toString(16).padStart(2, '0')}`],
  ['a mapped address', (last) => `::ffff:192.0.2.${last}`],
  ['a mapped address that is spelled out', (last) => `0:0:0:0:0:ffff:192.0.2.${last}`],
  ['a translated address', (last) => `::ffff:0:192.0.2.${last}`],
  ['6to4', (last) => `2002:c000:2${last.toString(16).padStart(2, '0')}::1`],
  ['Teredo', (last) => `2001:0:cb00:7101:8000:ffff:3fff:fd${(255 - last).toString(16).padStart(2, '0')}`],
];

// Behind a translator, all clients of IPv4 have the same first 64 bits: one attacker would block them all.
it.each([...FORMS, ['a prefix for local translators', (last: number) => `64:ff9b:1::192.0.2.${last}`] as const])(
  'guesses by %s keep no neighbour from signing in',
  async (_, form) => {
    const app = await createAuthApp('fastify', await databaseNamed('sqljs').create(), {
      imports: [AuthThrottlingModule.forRoot({ loginFailures: 2 })],
      trustProxy: 'loopback',
    });
    onTestFinished(() => app.close());
    for (let count = 0; count < 3; count++) await login(app.url, { ...RIGHT, password: 'guess' }, from(form(66)));
    expect((await login(app.url, RIGHT, from(form(66)))).status).toBe(429);
    expect((await login(app.url, RIGHT, from(form(1)))).status).toBe(200);
  },
);

// One client of IPv4 would have a limit for each way to its address.
it.each(FORMS)('an address by %s counts as the IPv4 address', (_, form) => {
  for (const last of [0, 1, 66, 255]) expect(subnetOf(form(last))).toBe(`192.0.2.${last}`);
});

// A subnet of 6to4 costs its router nothing: it has 65,536 of them.
it('all subnets of a 6to4 router count as one address', () => {
  expect(subnetOf('2002:c000:201:ffff::1')).toBe('192.0.2.1');
});

it.each([
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['2001:1::1', '2001:1:0:0'],
  ['64:ff9b:1:2:3:4:5:6', '64:ff9b:1:2:3:4:5:6'],
  ['64:ff9b:2::1', '64:ff9b:2:0'],
  ['::1', '0:0:0:0'],
  ['192.0.2.1', '192.0.2.1'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
])('%s counts as %s', (address, subnet) => {
  expect(subnetOf(address)).toBe(subnet);
});

it.each(['::ffff:192.0.2.1', '::FFFF:c000:201', '0:0:0:0:0:ffff:192.0.2.1', '0000::ffff:192.0.2.1'])(
  '%s is 192.0.2.1',
  (address) => {
    expect(unmapped(address)).toBe('192.0.2.1');
  },
);
