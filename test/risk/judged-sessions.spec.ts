import { Global, Injectable, Module } from '@nestjs/common';
import { SignInService } from 'nestjs-refresh-token';
import {
  ChangedUserAgent,
  Geofence,
  ImpossibleTravel,
  NewCountry,
  type GeoIpProvider,
  RepeatWithin,
  type RiskRule,
  type RiskSignals,
  TooFrequent,
  RepeatFromElsewhere,
} from 'nestjs-refresh-token/risk';
import { RefreshToken } from 'nestjs-refresh-token/typeorm';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type AuthContext, type AuthSetup, createAuthContext } from '../support/auth-app.js';
import { databaseNamed, databases } from '../support/databases.js';
import { HOUR, inCountry } from '../support/signals.js';

const ALICE = { id: 'user-alice', roles: ['user'] };
const SIGN_IN_KEY = 'key-of-the-sign-in';
const [GERMANY, GERMANY_BY_MOBILE, FRANCE, AUSTRALIA, NOWHERE] = [
  '192.0.2.1',
  '192.0.2.2',
  '192.0.2.3',
  '192.0.2.4',
  '192.0.2.9',
];

const geoIp: GeoIpProvider = {
  locate: (ip) =>
    ({
      [GERMANY]: inCountry('DE', 3320),
      [GERMANY_BY_MOBILE]: inCountry('DE', 3209),
      [FRANCE]: inCountry('FR', 3215),
      [AUSTRALIA]: inCountry('AU', 1221),
    })[ip] ?? null,
};

describe('a refresh that the rules judge', () => {
  it('leaves where it came from in the row and in the list of sessions', async () => {
    const { service, dataSource } = await hostWith({ risk: { geoIp } });
    const { sessionId, refreshToken } = await service.issue(ALICE, {}, { ip: GERMANY });
    const row = () => dataSource.getRepository(RefreshToken).findOneByOrFail({ id: sessionId });
    expect(await row()).toMatchObject({
      country: 'DE',
      asn: 3320,
      location: expect.stringMatching(/^geo:51\.\d+,10\.\d+;u=\d+;t=\d+$/),
    });
    const { refreshToken: second } = await service.refresh(refreshToken, { ip: FRANCE });
    expect(await row()).toMatchObject({ country: 'FR', asn: 3215 });
    expect(await service.list(ALICE.id)).toMatchObject([{ country: 'FR', ip: FRANCE }]);
    // Nothing known is no reason to forget.
    await service.refresh(second, { ip: NOWHERE });
    expect(await row()).toMatchObject({ country: 'FR', asn: 3215, ip: NOWHERE });
  });

  it('raises an alert, and succeeds', async () => {
    const { service, events } = await hostWith({ risk: { geoIp, rules: [new NewCountry(), new RepeatWithin()] } });
    const { refreshToken } = await service.issue(ALICE, {}, { ip: GERMANY });
    await service.refresh(refreshToken, { ip: FRANCE });
    expect(events.at(-1)).toMatchObject({ type: 'refreshed', alert: true, reason: 'new_country', country: 'FR' });
  });

  it('is asked for a step-up as often as it comes, and its token stays as good as it was', async () => {
    const { service, events, clock } = await hostWith({ risk: { geoIp, rules: [new ImpossibleTravel()] } });
    const { refreshToken } = await service.issue(ALICE, {}, { ip: GERMANY });
    clock.advance(1000);
    for (let time = 0; time < 3; time++) {
      await expect(service.refresh(refreshToken, { ip: AUSTRALIA })).rejects.toMatchObject({
        code: 'step_up_required',
      });
    }
    expect(events.at(-1)).toMatchObject({ type: 'step_up_required', alert: true, reason: 'impossible_travel' });
    await expect(service.refresh(refreshToken, { ip: GERMANY })).resolves.toMatchObject({ tokenType: 'Bearer' });
  });

  it('ends the session', async () => {
    const { service, events } = await hostWith({ risk: { rules: [new ChangedUserAgent({ verdict: 'revoke' })] } });
    const { refreshToken } = await service.issue(ALICE, {}, { userAgent: 'MyApp/1.0' });
    await expect(service.refresh(refreshToken, { userAgent: 'curl/8.5.0' })).rejects.toMatchObject({
      code: 'invalid_grant',
    });
    await expect(service.refresh(refreshToken, { userAgent: 'MyApp/1.0' })).rejects.toMatchObject({
      code: 'invalid_grant',
    });
    expect(events.map(({ type, reason }) => [type, reason])).toEqual([
      ['signed_in', undefined],
      ['revoked', 'changed_user_agent'],
      ['refresh_denied', 'changed_user_agent'],
      ['refresh_denied', 'revoked'],
    ]);
  });

  it('takes a repeat from another network for theft, and one from the same network for a retry', async () => {
    const { service, events } = await hostWith({ risk: { geoIp, rules: [new RepeatFromElsewhere()] } });
    const { refreshToken } = await service.issue(ALICE, {}, { ip: GERMANY });
    const { refreshToken: second } = await service.refresh(refreshToken, { ip: GERMANY });
    expect((await service.refresh(refreshToken, { ip: GERMANY })).refreshToken).toBe(second);
    await expect(service.refresh(refreshToken, { ip: GERMANY_BY_MOBILE })).rejects.toMatchObject({
      code: 'invalid_grant',
    });
    expect(events.at(-1)).toMatchObject({ type: 'reuse_detected', alert: true, reason: 'repeat_from_elsewhere' });
    await expect(service.refresh(second, { ip: GERMANY })).rejects.toMatchObject({ code: 'invalid_grant' });
  });

  it('answers a client that proves its key again, the next day and from elsewhere: its answer was lost', async () => {
    const { service, clock } = await hostWith({ risk: { geoIp, rules: [new RepeatFromElsewhere()] } });
    const evidence = { certificateThumbprint: 'A'.repeat(43) };
    const { refreshToken } = await service.issue(ALICE, { bind: 'tls' }, { ip: GERMANY }, evidence);
    const { refreshToken: lost } = await service.refresh(refreshToken, { ip: GERMANY }, evidence);
    clock.advance(24 * HOUR);
    expect((await service.refresh(refreshToken, { ip: FRANCE }, evidence)).refreshToken).toBe(lost);
  });

  it('takes a repeat from elsewhere for theft although it brings the client nonce: that proves no key', async () => {
    const { service } = await hostWith({ risk: { geoIp, rules: [new RepeatFromElsewhere()] } });
    const { refreshToken, clientNonce } = await service.issue(ALICE, { bind: 'nonce', transport: 'body' });
    const evidence = { clientNonce: { body: clientNonce } };
    await service.refresh(refreshToken, { ip: GERMANY }, evidence);
    await expect(service.refresh(refreshToken, { ip: FRANCE }, evidence)).rejects.toMatchObject({
      code: 'invalid_grant',
    });
  });

  it('judges a replay by the same rules, and writes no place for it', async () => {
    const { service, dataSource, events } = await hostWith({ risk: { geoIp, rules: [new NewCountry()] } });
    const { sessionId, refreshToken } = await service.issue(ALICE, {}, { ip: GERMANY });
    await service.refresh(refreshToken, { ip: GERMANY });
    const row = () => dataSource.getRepository(RefreshToken).findOneByOrFail({ id: sessionId });
    const before = await row();
    await service.refresh(refreshToken, { ip: FRANCE });
    expect(events.at(-1)).toMatchObject({ type: 'refresh_repeated', alert: true, reason: 'new_country' });
    // Only that the token was also given to a use without a key.
    expect(await row()).toEqual({
      ...before,
      listsVersion: expect.any(Number),
      repeatedGeneration: 1,
      repeatedInARow: 1,
    });
  });

  it('judges a late answer by the same rules, and refuses it in another country', async () => {
    const { service, events, clock } = await hostWith({ risk: { geoIp, rules: [new NewCountry()] } });
    const use = (key: string) => ({ idempotencyKey: key, receivedWith: { generation: 0, keys: [SIGN_IN_KEY] } });
    const { refreshToken } = await service.issue(ALICE, {}, { ip: GERMANY }, {}, { idempotencyKey: SIGN_IN_KEY });
    const live = await service.refresh(refreshToken, { ip: GERMANY }, {}, use('first-use-of-a-token'));
    clock.advance(HOUR);
    await expect(service.refresh(refreshToken, { ip: FRANCE }, {}, use('other-use-of-a-token'))).rejects.toMatchObject({
      code: 'forbidden',
    });
    expect(events.at(-1)).toMatchObject({ type: 'refresh_denied', reason: 'late_answer_abroad' });
    const late = await service.refresh(refreshToken, { ip: GERMANY }, {}, use('other-use-of-a-token'));
    expect(late.refreshToken).toBe(live.refreshToken);
    expect(events.at(-1)).toMatchObject({ type: 'refresh_repeated', alert: true, reason: 'late_answer' });
  });
});

describe('a fence', () => {
  it('keeps sign-ins and refreshes out, without a word on whether the password was right, and consumes no token', async () => {
    const risk = { geoIp, rules: [new Geofence({ allow: ['DE'] })] };
    const { service, events, module } = await hostWith({ risk });
    for (const password of ['alice-password', 'wrong']) {
      await expect(module.get(SignInService).signIn('alice', password, {}, { ip: FRANCE })).rejects.toMatchObject({
        code: 'region_not_allowed',
        status: 403,
      });
    }
    expect(events.at(-1)).toMatchObject({ type: 'sign_in_failed', reason: 'region_not_allowed', country: 'FR' });
    const { refreshToken } = await module.get(SignInService).signIn('alice', 'alice-password', {}, { ip: GERMANY });
    await expect(service.refresh(refreshToken, { ip: FRANCE })).rejects.toMatchObject({ code: 'region_not_allowed' });
    expect(events.at(-1)).toMatchObject({ type: 'refresh_denied', reason: 'region_not_allowed' });
    await service.refresh(refreshToken, { ip: GERMANY });
  });
});

describe('too many refreshes', () => {
  for (const { name, available, create } of databases.filter(({ name }) => name !== 'pglite' && name !== 'sqljs')) {
    it.skipIf(!available)(`are counted across instances, on ${name}, until the window is over`, async () => {
      const database = await create();
      onTestFinished(() => database.drop());
      const setup = {
        options: { risk: { rules: [new TooFrequent({ moreThan: 4, per: '1h', verdict: 'step_up' as const })] } },
      };
      const hosts = [await createAuthContext(database, setup), await createAuthContext(database, setup)];
      for (const host of hosts) onTestFinished(() => host.close());
      const advance = (time: number) => hosts.forEach(({ clock }) => clock.advance(time));

      let { refreshToken } = await hosts[0].service.issue(ALICE);
      for (let count = 0; count < 4; count++) {
        advance(60_000);
        const { service } = hosts[count % 2];
        const before = refreshToken;
        refreshToken = (await service.refresh(before)).refreshToken;
        // A replay counts for nothing.
        await service.refresh(before);
      }
      advance(60_000);
      for (const { service } of hosts) {
        await expect(service.refresh(refreshToken)).rejects.toMatchObject({ code: 'step_up_required' });
      }
      advance(HOUR);
      await hosts[1].service.refresh(refreshToken);
    });
  }
});

@Injectable()
class OfficeHours implements RiskRule {
  readonly reason = 'office_closed';
  readonly seen: RiskSignals[] = [];

  judge(signals: RiskSignals) {
    this.seen.push(signals);
    return new Date(signals.at).getUTCHours() < 6 ? ('deny' as const) : undefined;
  }
}

@Global()
@Module({ providers: [OfficeHours], exports: [OfficeHours] })
class OfficeModule {}

describe("a rule of the host's own", () => {
  it('is found by its injection token, sees the signals, and has its say', async () => {
    const { service, clock, module } = await hostWith(
      { risk: { geoIp }, riskRules: [OfficeHours] },
      { imports: [OfficeModule] },
    );
    clock.advance(8 * HOUR);
    const { sessionId, refreshToken } = await service.issue(
      ALICE,
      { clientId: 'web' },
      { ip: GERMANY, userAgent: 'MyApp/1.0' },
    );
    clock.advance(20 * HOUR);
    await expect(service.refresh(refreshToken, { ip: FRANCE })).rejects.toMatchObject({
      code: 'forbidden',
      status: 403,
    });
    clock.advance(4 * HOUR);
    await service.refresh(refreshToken, { ip: FRANCE });

    const { seen } = module.get(OfficeHours);
    expect(seen.map(({ occasion }) => occasion)).toEqual(['sign_in', 'refresh', 'refresh']);
    expect(seen[1]).toMatchObject({
      userId: ALICE.id,
      clientId: 'web',
      sessionId,
      ip: FRANCE,
      geoIp: { country: 'FR', asn: 3215 },
      last: { ip: GERMANY, geoIp: { country: 'DE' }, userAgent: { text: 'MyApp/1.0' }, at: clock.now() - 24 * HOUR },
    });
  });

  it('has nothing to say where a rule yields nothing, written however', async () => {
    const { service, events } = await hostWith({ risk: { rules: [{ reason: 'mine', judge: () => null as never }] } });
    await service.refresh((await service.issue(ALICE)).refreshToken);
    expect(events.at(-1)!.type).toBe('refreshed');
    expect(events.at(-1)!.alert).toBeUndefined();
  });

  it('the strictest wins also between a fingerprint and the rules', async () => {
    const device = { name: 'laptop' };
    const { service, events } = await hostWith({
      risk: { rules: [{ reason: 'mine', judge: ({ occasion }) => (occasion === 'refresh' ? 'deny' : undefined) }] },
      binding: { fingerprint: { signals: { name: () => undefined }, onMismatch: 'step_up' } },
    });
    const { refreshToken } = await service.issue(ALICE, {}, {}, { signals: device });
    const elsewhere = { signals: { name: 'phone' } };
    await expect(service.refresh(refreshToken, {}, elsewhere)).rejects.toMatchObject({ code: 'forbidden' });
    expect(events.at(-1)).toMatchObject({ type: 'refresh_denied', reasons: ['mine', 'device_changed'] });
  });

  it.each<[string, RiskRule['judge']]>([
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
    ['hangs', () => new Promise(() => undefined)],
    ['says what is no verdict', () => 'block' as never],
    ['says true', () => true as never],
  ])('that %s ends nothing: the option says what follows', async (_, judge) => {
    const rules = [{ reason: 'mine', judge }];
    const { service, events } = await hostWith({ risk: { rules, ruleTimeout: '20ms' } });
    const { refreshToken } = await service.issue(ALICE);
    await service.refresh(refreshToken);
    expect(events.at(-1)).toMatchObject({ type: 'refreshed', alert: true, reason: 'mine_failed' });

    const strict = await hostWith({ risk: { rules, ruleTimeout: '20ms', onRuleFailure: 'deny' } });
    await expect(strict.service.issue(ALICE)).rejects.toMatchObject({ code: 'forbidden' });
  });
});

describe('a configuration that makes no sense is refused', () => {
  it.each<[NonNullable<AuthSetup['options']>, string]>([
    [{ risk: { rules: [{ reason: 'x' } as unknown as RiskRule] } }, 'risk.rules must be a list of rules'],
    [{ risk: { rules: [new TooFrequent(), new TooFrequent()] } }, 'only one TooFrequent is allowed'],
    [{ risk: { geoIp: 'GeoLite2.mmdb' as unknown as GeoIpProvider } }, 'risk.geoIp must be a GeoIpProvider'],
    [{ risk: { onGeoIpFailure: 'revoke' as 'deny' } }, 'risk.onGeoIpFailure must be one of'],
    [{ risk: { geoIpTimeout: 'soon' } }, 'risk.geoIpTimeout is "soon"'],
  ])('%#', async (options, message) => {
    const database = await databaseNamed('sqljs').create();
    await expect(createAuthContext(database, { options })).rejects.toThrow(message);
  });
});

async function hostWith(options: AuthSetup['options'], setup: Omit<AuthSetup, 'options'> = {}): Promise<AuthContext> {
  const host = await createAuthContext(await databaseNamed('sqljs').create(), { options, ...setup });
  onTestFinished(() => host.close());
  return host;
}
