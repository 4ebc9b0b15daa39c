import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { expect } from 'vitest';
import type { AuthContext } from './auth-app.js';
import { newUser } from './instances.js';

/** How a host runs its transactions. Each hands over what its call of the library takes. */
export const kinds: {
  kind: string;
  run: (source: DataSource, work: (manager: Manager) => Promise<void>) => Promise<void>;
}[] = [
  { kind: 'an EntityManager', run: (source, work) => source.transaction(work) },
  {
    kind: 'a QueryRunner',
    async run(source, work) {
      const runner = source.createQueryRunner();
      await runner.startTransaction();
      try {
        await work(runner);
        await runner.commitTransaction();
      } catch (error) {
        await runner.rollbackTransaction();
        throw error;
      } finally {
        await runner.release();
      }
    },
  },
];

export type Manager = EntityManager | QueryRunner;

/** The host gives up its transaction. */
export class GivenUp extends Error {}

export const fails = async (transaction: Promise<unknown>) => {
  await expect(transaction).rejects.toBeInstanceOf(GivenUp);
};

/** The events of this user, without those of the sign-ins. */
export const eventsOf = ({ events }: AuthContext, userId: string) =>
  events.filter((event) => event.userId === userId && event.type !== 'signed_in').map(({ type }) => type);

/** The calls that take part in a transaction, and what they answer and do. */
export const calls = [
  {
    call: 'revokeAllOfUser',
    make: ({ service }: AuthContext, { userId }: Session, manager: Manager) =>
      service.revokeAllOfUser(userId, 'password_changed', { manager }),
    answer: 1,
    refusal: 'token_revoked',
    event: 'revoked',
  },
  {
    call: 'revoke',
    make: ({ service }: AuthContext, { userId, sessionId }: Session, manager: Manager) =>
      service.revoke(sessionId, 'ended_by_user', { userId, manager }),
    answer: true,
    refusal: 'token_revoked',
    event: 'revoked',
  },
  {
    call: 'revokeByToken',
    make: ({ service }: AuthContext, { refreshToken }: Session, manager: Manager) =>
      service.revokeByToken(refreshToken, 'logout', { manager }),
    answer: true,
    refusal: 'token_revoked',
    event: 'revoked',
  },
  {
    call: 'permissionsChanged',
    make: ({ service }: AuthContext, { userId }: Session, manager: Manager) =>
      service.permissionsChanged(userId, { manager }),
    answer: 1,
    refusal: 'token_stale',
    event: 'permissions_changed',
  },
];

export interface Session {
  userId: string;
  sessionId: string;
  accessToken: string;
  refreshToken: string;
}

export async function signIn(instances: AuthContext[], existing?: string): Promise<Session> {
  const user = existing === undefined ? newUser(instances) : { id: existing, roles: ['user'] };
  const { sessionId, accessToken, refreshToken } = await instances[0].service.issue(user, { transport: 'body' });
  return { userId: user.id, sessionId, accessToken, refreshToken };
}
