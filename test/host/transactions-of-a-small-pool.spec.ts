import { expect, it } from 'vitest';
import type { AuthContext } from '../support/auth-app.js';
import { calls, signIn } from '../support/host-transactions.js';
import { onServers, verdict } from '../support/instances.js';

onServers('a pool of one connection', (instances) => {
  let host: AuthContext;
  const start = async () => {
    const dataSource = instances.kind.name === 'postgres' ? { extra: { max: 1 } } : { extra: { connectionLimit: 1 } };
    host ??= await instances.start({ dataSource, options: { databaseTimeout: '2s' } });
  };

  for (const { call, make, refusal } of calls) {
    it(`is enough for ${call} in a transaction`, async () => {
      await start();
      const session = await signIn([host]);
      await host.dataSource.transaction(async (manager) => {
        await make(host, session, manager);
      });
      expect(verdict(host, session.accessToken)).toBe(refusal);
    });
  }

  it('does not hang if the host does not pass its manager', async () => {
    await start();
    const session = await signIn([host]);
    await host.dataSource.transaction(async () => {
      await expect(host.service.revokeAllOfUser(session.userId, 'ended_by_admin')).rejects.toMatchObject({
        code: 'temporarily_unavailable',
      });
    });
    expect(verdict(host, session.accessToken)).toBe('accepted');
    await expect(host.service.refresh(session.refreshToken)).resolves.toBeDefined();
  });

  it('does not hang a refresh that comes during a transaction', async () => {
    await start();
    const session = await signIn([host]);
    await host.dataSource.transaction(async (manager) => {
      await expect(host.service.refresh(session.refreshToken)).rejects.toMatchObject({
        code: 'temporarily_unavailable',
      });
      await host.service.revokeAllOfUser(session.userId, 'ended_by_admin', { manager });
    });
    await expect(host.service.refresh(session.refreshToken)).rejects.toMatchObject({ code: 'invalid_grant' });
  });
});

onServers('a call without the manager, in a transaction that holds the rows', (instances) => {
  it('fails after the time limit of a write', async () => {
    const host = await instances.start({ options: { databaseTimeout: '500ms' } });
    const session = await signIn([host]);
    await host.dataSource.transaction(async (manager) => {
      await host.service.revokeAllOfUser(session.userId, 'ended_by_admin', { manager });
      await expect(host.service.revoke(session.sessionId, 'logout')).rejects.toMatchObject({
        code: 'temporarily_unavailable',
      });
    });
    expect(verdict(host, session.accessToken)).toBe('token_revoked');
  });
});
