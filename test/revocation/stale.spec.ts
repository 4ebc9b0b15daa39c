import { Controller, Get, Logger, type LoggerService, UseGuards } from '@nestjs/common';
import { JwtAuthGuard } from 'nestjs-refresh-token';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AuthApp, AuthContext, AuthSetup } from '../support/auth-app.js';
import { bearer, send } from '../support/http.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { caughtUp, DELAY, feedOf, newUser, onServers, verdict } from '../support/instances.js';
import { eventually } from '../support/eventually.js';

@Controller('host')
@UseGuards(JwtAuthGuard)
class HostController {
  @Get()
  guarded() {
    return 'served';
  }
}

const UNREADABLE = 'The list of revoked sessions cannot be read';

onServers('an instance that cannot read the list', (instances) => {
  let proxy: TcpProxy;
  /** This one always can. */
  let here: AuthContext;
  let serving: AuthApp;
  let refusing: AuthApp;
  const written: string[] = [];

  beforeAll(async () => {
    proxy = await startTcpProxy(instances.database.url!);
    const setup = (onStale: 'serve' | 'refuse'): AuthSetup => ({
      controllers: [HostController],
      dataSource: { url: proxy.url } as AuthSetup['dataSource'],
      options: { revocation: { delay: `${DELAY}ms`, onStale } },
    });
    here = await instances.start();
    serving = await instances.listen(setup('serve'));
    refusing = await instances.listen(setup('refuse'));
    const write = (line: unknown) => void written.push(String(line));
    Logger.overrideLogger({ log: write, warn: write, error: write } satisfies LoggerService);
  });
  beforeEach(async () => {
    await caughtUp(serving, refusing);
    written.length = 0;
  });
  afterAll(() => proxy?.close());

  const lines = (text: string) => written.filter((line) => line.includes(text));
  const signIn = () => here.service.issue(newUser([here, serving, refusing]));
  const ask = (app: AuthApp, path: string, accessToken: string) =>
    send(`GET`, `${app.url}${path}`, { headers: bearer(accessToken) });

  async function whileAway(work: () => Promise<void>): Promise<void> {
    proxy.cut();
    try {
      // A reading that was under way may still succeed; after one that has failed, none does.
      await eventually(() => expect(lines(UNREADABLE)).toHaveLength(2));
      for (const app of [serving, refusing]) await eventually(() => expect(feedOf(app).stale).toBe(true));
      await work();
    } finally {
      proxy.restore();
      await caughtUp(serving, refusing);
    }
  }

  it('shows how old the list is', async () => {
    expect(feedOf(serving)).toMatchObject({ channel: undefined, floors: expect.any(Number) });
    await whileAway(async () => {
      const { age } = feedOf(serving);
      expect(age).toBeGreaterThan(DELAY);
      await eventually(() => expect(feedOf(serving).age).toBeGreaterThan(age));
    });
  });

  it('keeps serving, where it is to', async () => {
    const { accessToken } = await signIn();
    await whileAway(async () => {
      expect(verdict(serving, accessToken)).toBe('accepted');
      expect(await ask(serving, '/auth/me', accessToken)).toMatchObject({ status: 200 });
      expect(await ask(serving, '/host', accessToken)).toMatchObject({ status: 200, body: 'served' });
    });
  });

  it('keeps refusing what it knows to be revoked', async () => {
    const { accessToken, sessionId } = await signIn();
    await here.service.revoke(sessionId, 'logout');
    await caughtUp(serving);
    await whileAway(async () => {
      expect(await ask(serving, '/host', accessToken)).toMatchObject({ status: 401 });
    });
  });

  it.for(['/auth/me', '/host'])('refuses %s, where it is to, with 503 and Retry-After', async (path) => {
    const { accessToken } = await signIn();
    await whileAway(async () => {
      const answer = await ask(refusing, path, accessToken);
      expect(answer).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } });
      expect(answer.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    });
    await eventually(() => expect(verdict(refusing, accessToken)).toBe('accepted'));
  });

  it('tells a bad token from a stale list all the same', async () => {
    await whileAway(async () => {
      expect(await ask(refusing, '/auth/me', 'nonsense')).toMatchObject({
        status: 401,
        body: { error: 'invalid_token' },
      });
    });
  });

  it('says once that the list cannot be read, and once that it can', async () => {
    await whileAway(async () => {
      // Several readings fail.
      await eventually(() => expect(feedOf(serving).age).toBeGreaterThan(10 * DELAY));
      const told = lines(UNREADABLE);
      expect(told).toHaveLength(2); // by each of the two
      for (const line of told) expect(line, 'in the words of the database').not.toContain('temporarily_unavailable');
      expect(lines('is up to date again')).toHaveLength(0);
    });
    expect(lines(UNREADABLE)).toHaveLength(2);
    expect(lines('is up to date again')).toHaveLength(2);
  });

  it('learns afterwards of what was revoked meanwhile', async () => {
    const ended = await signIn();
    const spared = await signIn();
    await whileAway(async () => {
      await here.service.revoke(ended.sessionId, 'logout');
      expect(verdict(serving, ended.accessToken)).toBe('accepted');
    });
    for (const instance of [serving, refusing]) {
      await eventually(() => expect(verdict(instance, ended.accessToken)).toBe('token_revoked'));
      await eventually(() => expect(verdict(instance, spared.accessToken)).toBe('accepted'));
    }
  });

  describe('because its connection has died in silence', () => {
    it('reads it by another one', async () => {
      const { accessToken, sessionId } = await signIn();
      // A reading is under way for most of the time, so the connection is soon waited for.
      proxy.strand();
      await here.service.revoke(sessionId, 'logout');
      await caughtUp(serving, refusing);
      for (const instance of [serving, refusing]) {
        await eventually(() => expect(verdict(instance, accessToken)).toBe('token_revoked'));
      }
    });
  });
});
