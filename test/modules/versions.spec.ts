import { VERSION_NEUTRAL, VersioningType } from '@nestjs/common';
import { AuthModule } from 'nestjs-refresh-token';
import { describe, expect, test } from 'vitest';
import { adapters, SECRET } from '../support/auth-app.js';
import { send } from '../support/http.js';
import { ALICE, host, HOST } from '../support/staff-host.js';

for (const adapter of adapters) {
  describe(`in an application with versions (${adapter})`, () => {
    const byUri = { type: VersioningType.URI } as const;
    test.each([
      ['the default one', undefined, { ...byUri, defaultVersion: '1' }, ['/v1/auth'], ['/auth', '/v2/auth']],
      ['one of their own', '2', { ...byUri, defaultVersion: '1' }, ['/v2/auth'], ['/auth', '/v1/auth']],
      ['several', ['1', '2'], byUri, ['/v1/auth', '/v2/auth'], ['/auth', '/v3/auth']],
      ['none', VERSION_NEUTRAL, { ...byUri, defaultVersion: '1' }, ['/auth'], ['/v1/auth']],
    ] as const)('the routes have %s', async (_, version, versioning, there, notThere) => {
      const auth = AuthModule.forRoot({ ...HOST, secret: SECRET, version: version as string | undefined });
      const { url } = await host(adapter, { imports: [auth], configure: (app) => app.enableVersioning(versioning) });
      const status = async (path: string) => (await send('POST', `${url}${path}/login`, { body: ALICE })).status;
      for (const path of there) expect(await status(path), path).toBe(200);
      for (const path of notThere) expect(await status(path), path).toBe(404);
    });

    test('the routes have one by a header', async () => {
      const auth = AuthModule.forRoot({ ...HOST, secret: SECRET, version: '3' });
      const { url } = await host(adapter, {
        imports: [auth],
        configure: (app) => app.enableVersioning({ type: VersioningType.HEADER, header: 'x-version' }),
      });
      const login = (headers = {}) => send('POST', `${url}/auth/login`, { body: ALICE, headers });
      expect((await login({ 'x-version': '3' })).status).toBe(200);
      expect((await login({ 'x-version': '2' })).status).toBe(404);
    });
  });
}
