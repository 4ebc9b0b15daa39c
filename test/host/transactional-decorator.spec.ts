import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable, Module } from '@nestjs/common';
import { RefreshTokenService } from 'nestjs-refresh-token';
import { DataSource, type EntityManager } from 'typeorm';
import { expect, test } from 'vitest';
import type { AuthContext } from '../support/auth-app.js';
import { eventsOf, fails, GivenUp, signIn } from '../support/host-transactions.js';
import { onServers, verdict } from '../support/instances.js';

// What `typeorm-transactional` 0.5 does, in a few lines: the getter `manager` of the data source finds the transaction of
// the call, and the decorator opens one.
const current = new AsyncLocalStorage<EntityManager>();

function addTransactionalDataSource(dataSource: DataSource): void {
  const { manager } = dataSource;
  Object.defineProperty(dataSource, 'manager', { configurable: true, get: () => current.getStore() ?? manager });
  dataSource.transaction = ((work: (own: EntityManager) => Promise<unknown>) => manager.transaction(work)) as never;
}

function Transactional(): MethodDecorator {
  return (_, __, descriptor: PropertyDescriptor) => {
    const method = descriptor.value as (...values: unknown[]) => Promise<unknown>;
    descriptor.value = function (this: { dataSource: DataSource }, ...values: unknown[]) {
      if (current.getStore()) return method.apply(this, values);
      return this.dataSource.transaction((manager) => current.run(manager, () => method.apply(this, values)));
    };
  };
}

@Injectable()
class AccountService {
  constructor(
    readonly dataSource: DataSource,
    readonly refreshTokens: RefreshTokenService,
  ) {}

  @Transactional()
  async lock(userId: string, inside: () => void = () => undefined): Promise<void> {
    await this.dataSource.manager.query('UPDATE accounts SET locked = 1 WHERE id = 1');
    await this.end(userId);
    inside();
  }

  /** Takes part in the transaction of its caller. */
  @Transactional()
  async end(userId: string): Promise<void> {
    await this.refreshTokens.revokeAllOfUser(userId, 'ended_by_admin', { manager: this.dataSource.manager });
  }

  async unlocked(userId: string): Promise<void> {
    await this.refreshTokens.revokeAllOfUser(userId, 'ended_by_admin', { manager: this.dataSource.manager });
  }
}

@Module({ providers: [AccountService], exports: [AccountService] })
class AccountModule {}

onServers('a method with @Transactional()', (instances) => {
  let host: AuthContext;
  let accounts: AccountService;
  const start = async () => {
    if (host) return;
    host = await instances.start({ imports: [AccountModule] });
    accounts = host.module.get(AccountService);
    addTransactionalDataSource(host.dataSource);
    await host.dataSource.query('CREATE TABLE accounts (id integer, locked integer)');
    await host.dataSource.query('INSERT INTO accounts VALUES (1, 0)');
  };
  const isLocked = async () => Number((await host.dataSource.query('SELECT locked FROM accounts'))[0].locked) === 1;

  test('leaves nothing after a rollback', async () => {
    await start();
    const { userId, accessToken, refreshToken } = await signIn([host]);
    const givesUp = () => {
      throw new GivenUp();
    };
    await fails(accounts.lock(userId, givesUp));
    expect([await isLocked(), verdict(host, accessToken)]).toEqual([false, 'accepted']);
    expect(eventsOf(host, userId)).toEqual([]);
    await expect(host.service.refresh(refreshToken)).resolves.toBeDefined();
  });

  test('ends the sessions with its commit', async () => {
    await start();
    const { userId, accessToken } = await signIn([host]);
    await accounts.lock(userId, () => expect(verdict(host, accessToken)).toBe('accepted'));
    expect([await isLocked(), verdict(host, accessToken)]).toEqual([true, 'token_revoked']);
    expect(eventsOf(host, userId)).toEqual(['revoked']);
  });

  test('may be left out: without a transaction the sessions end at once', async () => {
    await start();
    const { userId, accessToken } = await signIn([host]);
    await accounts.unlocked(userId);
    expect(verdict(host, accessToken)).toBe('token_revoked');
  });
});
