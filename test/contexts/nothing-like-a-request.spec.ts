import { Controller, Injectable } from '@nestjs/common';
import { ExternalContextCreator } from '@nestjs/core';
import { ClientProxyFactory, EventPattern, MessagePattern, Transport } from '@nestjs/microservices';
import { JwtAuthGuard, Public } from 'nestjs-refresh-token';
import { firstValueFrom } from 'rxjs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type AuthSetup, createAuthApp } from '../support/auth-app.js';
import { databaseNamed } from '../support/databases.js';
import { freePort } from '../support/free-port.js';
import { send } from '../support/http.js';
import { GLOBAL } from '../support/context-host.js';

/** What comes from other machines of the same operator, and no user's token with it. */
@Controller()
class InternalController {
  readonly heard: unknown[] = [];

  @Public()
  @EventPattern('ticked')
  ticked(data: unknown) {
    this.heard.push(data);
  }

  @Public()
  @MessagePattern('sum')
  sum([a, b]: number[]) {
    return a + b;
  }

  @MessagePattern('guarded')
  guarded() {
    return 'reached';
  }
}

@Injectable()
class Jobs {
  @Public()
  open() {
    return 'reached';
  }

  guarded() {
    return 'reached';
  }
}

async function start(setup: AuthSetup) {
  const database = await databaseNamed('sqljs').create();
  const port = await freePort();
  const options = { transport: Transport.TCP as const, options: { host: '127.0.0.1', port } };
  const host = await createAuthApp('express', database, {
    ...setup,
    configure: (app) => app.connectMicroservice(options, { inheritAppConfig: true }),
  });
  await host.app.startAllMicroservices();
  const client = ClientProxyFactory.create(options);
  onTestFinished(async () => {
    await client.close();
    await host.close();
  });
  return { ...host, client };
}

describe('a guard for the whole application, where nothing like a request comes', () => {
  const setup: AuthSetup = { controllers: [InternalController], providers: [...GLOBAL, Jobs] };

  test.each([
    ['text', 'text'],
    ['a number', 7],
    ['a list', [1, 2]],
    ['a token that is not a string', { access_token: 7 }],
    ['a token without end', { access_token: 'x'.repeat(20_000) }],
  ])('refuses a message that is %s, and the server goes on', async (_, payload) => {
    const { client, url } = await start(setup);
    await expect(firstValueFrom(client.send('guarded', payload as object))).rejects.toMatchObject({
      error: 'unauthorized',
    });
    expect((await send('GET', `${url}/auth/me`)).status).toBe(401);
  });

  test('lets messages and events pass that are @Public()', async () => {
    const { client, app } = await start(setup);
    expect(await firstValueFrom(client.send('sum', [2, 3]))).toBe(5);
    await firstValueFrom(client.emit('ticked', 1), { defaultValue: undefined });
    await expect.poll(() => app.get(InternalController).heard).toEqual([1]);
  });

  test('can be told to leave microservices alone, by overriding one step', async () => {
    @Injectable()
    class HttpGuard extends JwtAuthGuard {
      protected override isPublic(context: Parameters<JwtAuthGuard['canActivate']>[0]): boolean {
        return context.getType() === 'rpc' || super.isPublic(context);
      }
    }
    const [guard, ...others] = GLOBAL;
    const providers = [HttpGuard, { ...guard, useExisting: HttpGuard }, ...others];
    const { client, url } = await start({ controllers: [InternalController], providers });
    expect(await firstValueFrom(client.send('guarded', {}))).toBe('reached');
    expect((await send('GET', `${url}/auth/me`)).status).toBe(401);
  });

  test.each(['telegram', 'cron'])(
    'refuses in a context that it does not know (%s), but for what is @Public()',
    async (type) => {
      const { app } = await start(setup);
      const jobs = app.get(Jobs);
      const creator = app.get(ExternalContextCreator);
      const call = (name: 'open' | 'guarded') =>
        creator.create(jobs, jobs[name], name, undefined, undefined, undefined, undefined, undefined, type)({});
      await expect(call('guarded')).rejects.toMatchObject({ code: 'unauthorized' });
      expect(await call('open')).toBe('reached');
    },
  );
});
