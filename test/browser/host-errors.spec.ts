import { type CanActivate, type ExecutionContext, HttpException, Injectable } from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { AuthExceptionFilter } from 'nestjs-refresh-token';
import { describe, expect, test } from 'vitest';
import { browserAvailable, chromiumContexts } from '../support/browser.js';
import { changesOf, clientHost, orders, signIn } from '../support/client-host.js';
import { MINUTE } from '../support/listening.js';

let status: number | undefined;

@Injectable()
class HostGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { url } = context.switchToHttp().getRequest<{ url: string }>();
    if (status === undefined || !url.startsWith('/auth/')) return true;
    throw new HttpException('no', status);
  }
}

describe.skipIf(!browserAvailable)('in a browser, a guard of the host', () => {
  const { app, open } = clientHost({
    providers: [
      { provide: APP_GUARD, useClass: HostGuard },
      { provide: APP_FILTER, useClass: AuthExceptionFilter },
    ],
  });
  const newContext = chromiumContexts();

  test.each([429, 503, 403, 408])('that answers a refresh with %i signs nobody out', async (code) => {
    const context = await newContext();
    const page = await open(context);
    await signIn(page);
    app.clock.advance(16 * MINUTE);
    status = code;
    const refused = await page.evaluate(() => client.refresh().then(String, (error: { name: string }) => error.name));
    status = undefined;
    expect(refused).toBe('AuthClientError');
    expect(await context.cookies()).toHaveLength(1);
    expect(await orders(page)).toBe(200);
    expect(await changesOf(page)).toEqual(['signed_in', 'refreshed']);
    // Also a page that opens meanwhile does not take it for "nobody is signed in".
    status = code;
    const later = await open(context);
    expect(await later.evaluate(() => client.user().catch((error: { name: string }) => error.name))).toBe(
      'AuthClientError',
    );
    status = undefined;
    expect(await later.evaluate(async () => (await client.user())?.id)).toBe('user-alice');
  });

  test('is not needed to know that nobody is signed in: there is no cookie', async () => {
    const page = await open(await newContext());
    expect(await page.evaluate(() => client.user())).toBeNull();
    expect(await changesOf(page)).toEqual(['signed_out']);
  });
});
