import { Injectable, Module } from '@nestjs/common';
import { EventEmitter2, EventEmitterModule, OnEvent } from '@nestjs/event-emitter';
import type { AuthEvent } from 'nestjs-refresh-token';
import { expect, it, onTestFinished } from 'vitest';
import { createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';

@Injectable()
class Listener {
  readonly heard: AuthEvent[] = [];

  @OnEvent('auth.signed_in')
  signedIn(event: AuthEvent): void {
    this.heard.push(event);
  }

  @OnEvent('auth.reuse_detected')
  reuseDetected(event: AuthEvent): void {
    this.heard.push(event);
    throw new Error('a listener that fails');
  }
}

@Module({ providers: [Listener] })
class ListenerModule {}

it("events reach the listeners of the host's @nestjs/event-emitter", async () => {
  const database = await databaseNamed('sqljs').create();
  const host = await createAuthContext(database, { imports: [EventEmitterModule.forRoot(), ListenerModule] });
  onTestFinished(() => host.close());
  const { sessionId, refreshToken } = await host.service.issue({ id: 'user-alice', roles: ['user'] });
  await host.service.refresh(refreshToken);
  host.clock.advance(60_000);
  await expect(host.service.refresh(refreshToken)).rejects.toMatchObject({ code: 'invalid_grant' });

  expect(host.module.get(EventEmitter2, { strict: false })).toBeDefined();
  expect(host.module.get(Listener, { strict: false }).heard).toMatchObject([
    { type: 'signed_in', sessionId, userId: 'user-alice' },
    { type: 'reuse_detected', sessionId, alert: true },
  ]);
});
