import { Global, Logger, Module } from '@nestjs/common';
import { type AlertSink, type AuthEvent, RevocationFeed, webhookAlerts } from 'nestjs-refresh-token';
import { ImpossibleTravel, type GeoIpProvider } from 'nestjs-refresh-token/risk';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { inCountry } from '../support/signals.js';
import { type AuthContext, type AuthSetup, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { startReceiver } from '../support/webhook-receiver.js';
import { eventually } from '../support/eventually.js';

const ALICE = { id: 'user-alice', roles: ['user'] };
const HOUR = 3_600_000;

class Sink implements AlertSink {
  readonly alerts: AuthEvent[] = [];
  closed = false;

  alert(event: AuthEvent): void {
    this.alerts.push(event);
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

class BrokenSink implements AlertSink {
  alert(): void {
    throw new Error('broken');
  }
}

@Global()
@Module({ providers: [Sink, BrokenSink], exports: [Sink, BrokenSink] })
class SinkModule {}

beforeEach(() => {
  vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
});
afterEach(() => vi.restoreAllMocks());

async function hostWith(options: AuthSetup['options'] = {}): Promise<AuthContext & { sink: Sink }> {
  const database = await databaseNamed('postgres').create();
  onTestFinished(() => database.drop());
  const alertSinks = [BrokenSink, Sink];
  const host = await createAuthContext(database, { imports: [SinkModule], options: { alertSinks, ...options } });
  onTestFinished(() => host.close());
  return { ...host, sink: host.module.get(Sink, { strict: false }) };
}

/** One theft: the predecessor comes again, long after the window. */
async function steal({ service, clock }: AuthContext): Promise<void> {
  const { refreshToken } = await service.issue(ALICE);
  await service.refresh(refreshToken);
  clock.advance(20_000);
  await expect(service.refresh(refreshToken)).rejects.toMatchObject({ code: 'invalid_grant' });
}

describe('an alert', () => {
  it('of reuse reaches the sinks, although another sink fails; other events do not', async () => {
    const host = await hostWith();
    await steal(host);
    expect(host.sink.alerts).toMatchObject([{ type: 'reuse_detected', userId: ALICE.id, alert: true }]);
  });

  it('of impossible travel', async () => {
    const geoIp: GeoIpProvider = { locate: (ip) => inCountry(ip === '192.0.2.1' ? 'US' : 'AU') };
    const host = await hostWith({ risk: { geoIp, rules: [new ImpossibleTravel({ verdict: 'alert' })] } });
    const { refreshToken } = await host.service.issue(ALICE, {}, { ip: '192.0.2.1' });
    await host.service.refresh(refreshToken, { ip: '192.0.2.4' });
    expect(host.sink.alerts).toMatchObject([{ type: 'refreshed', reason: 'impossible_travel', country: 'AU' }]);
  });

  it('of reuse in masses: once for each mass', async () => {
    const host = await hostWith({ alerts: { massReuse: 3, massReuseWithin: '1h' } });
    const masses = () => host.sink.alerts.filter(({ type }) => type === 'mass_reuse');
    await steal(host);
    await steal(host);
    expect(masses()).toEqual([]);
    await steal(host);
    expect(masses()).toMatchObject([{ count: 3 }]);
    await steal(host);
    host.clock.advance(HOUR);
    await steal(host);
    await steal(host);
    expect(masses()).toHaveLength(1);
  });

  it('of a revocation list that is too old: once for each outage', async () => {
    const host = await hostWith({ revocation: { delay: '100ms' } });
    const stale = () => host.sink.alerts.filter(({ type }) => type === 'feed_stale').length;
    for (let outage = 1; outage <= 2; outage++) {
      await host.dataSource.query('ALTER TABLE refresh_tokens RENAME TO away');
      await eventually(() => expect(stale()).toBe(outage));
      await host.dataSource.query('ALTER TABLE away RENAME TO refresh_tokens');
      await eventually(() => expect(host.module.get(RevocationFeed).status.stale).toBe(false));
    }
  });

  it('reaches a webhook, and an orderly stop closes the sinks', async () => {
    const receiver = await startReceiver();
    const hook = webhookAlerts({ url: receiver.url, secret: 'x'.repeat(32) });
    @Global()
    @Module({ providers: [{ provide: 'HOOK', useValue: hook }, Sink], exports: ['HOOK', Sink] })
    class HookModule {}
    const host = await createAuthContext(await databaseNamed('sqljs').create(), {
      imports: [HookModule],
      options: { alertSinks: ['HOOK', Sink] },
    });
    await steal(host);
    const sink = host.module.get(Sink, { strict: false });
    await host.close();
    expect(receiver.deliveries.map(({ body }) => JSON.parse(body).type)).toEqual(['auth.reuse_detected']);
    expect(sink.closed).toBe(true);
  });
});
