import { Logger } from '@nestjs/common';
import { type AuthEvent, AuthEventBus, AuthEventLog } from 'nestjs-refresh-token';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type AuthContext, createAuthContext } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';

const ALICE = { id: 'user-alice', roles: ['user'] };
const ACTOR = 'user-admin';

afterEach(() => vi.restoreAllMocks());

describe('what an administrator does to sessions', () => {
  let host: AuthContext;
  beforeEach(async () => {
    const options = { audit: { store: true, flushInterval: '10ms' } };
    host = await createAuthContext(await databaseNamed('sqljs').create(), { options });
    onTestFinished(() => host.close());
  });

  type Act = (session: { sessionId: string; refreshToken: string }, options: { actor: string }) => Promise<unknown>;
  const acts: [name: string, type: AuthEvent['type'], act: Act][] = [
    ['revoke', 'revoked', ({ sessionId }, by) => host.service.revoke(sessionId, 'ended_by_admin', by)],
    ['revokeByToken', 'revoked', ({ refreshToken }, by) => host.service.revokeByToken(refreshToken, 'a reason', by)],
    ['revokeAllOfUser', 'revoked', (_, by) => host.service.revokeAllOfUser(ALICE.id, 'ended_by_admin', by)],
    ['revokeAll', 'revoked', (_, by) => host.service.revokeAll({ createdBefore: host.clock.now() + 1, ...by })],
    ['permissionsChanged', 'permissions_changed', (_, by) => host.service.permissionsChanged(ALICE.id, by)],
    ['forgetUser', 'user_forgotten', (_, by) => host.service.forgetUser(ALICE.id, by)],
  ];

  it.each(acts)('%s tells who did it, in the event and in the table', async (_, type, act) => {
    await act(await host.service.issue(ALICE), { actor: ACTOR });
    expect(host.events.filter((event) => event.type === type)).toMatchObject([{ actor: ACTOR }]);
    const log = host.module.get(AuthEventLog);
    expect(await log.find({ actor: ACTOR })).toMatchObject([{ type, actor: ACTOR }]);
    expect(await log.find({ actor: 'user-alice' })).toEqual([]);
  });

  it.each(acts.slice(0, 4))('%s without an actor tells none', async (_, type, act) => {
    await act(await host.service.issue(ALICE), {} as { actor: string });
    expect(host.events.find((event) => event.type === type)!.actor).toBeUndefined();
  });

  it.each(acts.flatMap(([name, , act]) => ['', 'x'.repeat(256), 7, null].map((actor) => ({ name, actor, act }))))(
    '$name refuses $actor as an actor, and does nothing',
    async ({ act, actor }) => {
      const session = await host.service.issue(ALICE);
      await expect(act(session, { actor: actor as string })).rejects.toThrow(/^actor must be a non-empty string/);
      expect(await host.service.list(ALICE.id)).toHaveLength(1);
    },
  );

  it('in a transaction, the events tell it after the commit', async () => {
    const { sessionId } = await host.service.issue(ALICE);
    await host.dataSource.transaction((manager) =>
      host.service.revoke(sessionId, 'ended_by_admin', { actor: ACTOR, manager }),
    );
    expect(host.events.at(-1)).toMatchObject({ type: 'revoked', actor: ACTOR });
  });

  it('a name in the actor cannot forge a line of the log', async () => {
    const lines: string[] = [];
    vi.spyOn(Logger.prototype, 'warn').mockImplementation((line: string) => void lines.push(line));
    host.module.get(AuthEventBus).publish({ type: 'revoked', alert: true, actor: 'a\u0085WARN' });
    expect(lines).toEqual([expect.stringContaining('a\\u0085WARN')]);
  });
});
