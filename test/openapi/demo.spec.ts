import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, onTestFinished, test } from 'vitest';
import { AUTH_SECRET } from '../support/demos.js';
import { databaseNamed } from '../support/databases.js';
import { startDemo } from '../support/demo-process.js';
import { send } from '../support/http.js';

describe.each(['express', 'fastify'])('the demo on %s', (adapter) => {
  test('serves its OpenAPI document, and a page to try it on', async () => {
    const database = await databaseNamed('postgres').create();
    onTestFinished(() => database.drop());
    const demo = await startDemo({ HTTP_ADAPTER: adapter, DATABASE_URL: database.url!, AUTH_SECRET });
    onTestFinished(async () => void (await demo.stop()));
    const json = await send<{ paths: object }>('GET', `${demo.url}/docs-json`);
    expect(json.status).toBe(200);
    expect(await new Validator().validate(json.body)).toMatchObject({ valid: true });
    for (const path of ['/auth/refresh', '/profile', '/admin/users']) expect(json.body.paths).toHaveProperty([path]);
    const page = await send<string>('GET', `${demo.url}/docs`);
    expect(page.status).toBe(200);
    expect(page.body).toContain('swagger-ui');
  });
});
