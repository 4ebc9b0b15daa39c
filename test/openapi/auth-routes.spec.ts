import { Body, Controller, Get, Post, VersioningType } from '@nestjs/common';
import { RouterModule } from '@nestjs/core';
import { ApiOkResponse, ApiProperty, DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { Validator } from '@seriousme/openapi-schema-validator';
import { IsEmail, IsOptional, IsString } from 'class-validator';
import { AuthModule } from 'nestjs-refresh-token';
import { describeAuthRoutes } from 'nestjs-refresh-token/openapi';
import { describe, expect, test } from 'vitest';
import { ALICE, host, HOST, type HostSetup } from '../support/staff-host.js';
import { StaffRefreshToken, TABLES } from '../support/staff.js';
import { adapters, SECRET } from '../support/auth-app.js';
import { type AuthBody, bearer, login, send } from '../support/http.js';

async function documented(adapter: (typeof adapters)[number], setup: HostSetup = {}, extras = {}, how = {}) {
  const auth = AuthModule.forRoot({ ...HOST, secret: SECRET, ...extras });
  const { app, url } = await host(adapter, { imports: [auth], ...setup });
  const document = SwaggerModule.createDocument(app, new DocumentBuilder().setTitle('Host').build(), how);
  return { url, document: describeAuthRoutes(app, document) };
}

type Method = 'get' | 'post' | 'patch' | 'delete';
const operation = (document: OpenAPIObject, path: string, method: Method) => document.paths[path][method]!;

const ROUTES: [Method, string][] = [
  ['post', '/auth/login'],
  ['post', '/auth/refresh'],
  ['post', '/auth/logout'],
  ['post', '/auth/logout-all'],
  ['post', '/auth/step-up'],
  ['get', '/auth/events'],
  ['get', '/auth/me'],
  ['get', '/auth/sessions'],
  ['patch', '/auth/sessions/{id}'],
  ['delete', '/auth/sessions/{id}'],
];

@Controller('vendor')
class VendorController {
  @Post('auth/login')
  login() {
    return {};
  }
}

/** As a host may well call what it has itself. */
class LoginDto {
  @ApiProperty()
  email: string;
}
class StepUpDto {
  @ApiProperty()
  code: string;
}
class EmailLoginDto {
  @ApiProperty({ format: 'email' })
  @IsEmail()
  email: string;

  @IsString()
  password: string;

  @IsOptional()
  @IsString()
  otp?: string;
}
class CodeDto {
  @IsString()
  code: string;
}
class AuthError {
  @ApiProperty()
  problem: string;
}

@Controller('own')
class OwnController {
  @Post('login')
  login(@Body() body: LoginDto) {
    return body;
  }

  @Post('step-up')
  stepUp(@Body() body: StepUpDto) {
    return body;
  }

  @Get()
  @ApiOkResponse({ type: AuthError })
  problem() {
    return { problem: 'none' };
  }
}

async function expectValid(document: OpenAPIObject): Promise<void> {
  const text = JSON.stringify(document);
  const { valid, errors } = await new Validator().validate(JSON.parse(text) as Record<string, unknown>);
  expect(errors).toBeUndefined();
  expect(valid).toBe(true);
  const schemas = Object.keys(document.components!.schemas!);
  for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) expect(schemas).toContain(name);
}

describe.each(adapters)('the OpenAPI document of the auth routes (%s)', (adapter) => {
  test('is valid, and describes each route', async () => {
    const { document } = await documented(adapter);
    await expectValid(document);
    for (const [method, path] of ROUTES) {
      const { summary, security, responses, tags } = operation(document, path, method);
      expect({ path, summary, security, tags }).toEqual({
        path,
        summary: expect.any(String),
        security: expect.any(Array),
        tags: ['auth'],
      });
      expect(Object.keys(responses).length, path).toBeGreaterThan(2);
    }
    const ids = ROUTES.map(([method, path]) => operation(document, path, method).operationId);
    expect(new Set(ids).size).toBe(ROUTES.length);
  });

  test('leaves the schemas of the host as they are, and adds none that nothing refers to', async () => {
    const { document } = await documented(adapter, { controllers: [OwnController] });
    await expectValid(document);
    const schemas = document.components!.schemas!;
    expect(schemas).toMatchObject({
      LoginDto: { properties: { email: { type: 'string' } } },
      StepUpDto: { properties: { code: { type: 'string' } } },
      AuthError: { properties: { problem: { type: 'string' } } },
      RefreshTokenAuthError: { properties: { error: { type: 'string' } } },
    });
    expect(JSON.stringify(operation(document, '/auth/me', 'get').responses)).toContain('/RefreshTokenAuthError"');
    expect(JSON.stringify(operation(document, '/own', 'get').responses)).toContain('/AuthError"');
    const text = JSON.stringify(document);
    const unused = Object.keys(schemas).filter((name) => !text.includes(`"#/components/schemas/${name}"`));
    expect(unused).toEqual([]);
  });

  test('shows the fields of a login and a step-up that the host has its own classes for', async () => {
    const { document } = await documented(adapter, {}, { loginDto: EmailLoginDto, stepUpDto: CodeDto });
    await expectValid(document);
    const schemas = document.components!.schemas!;
    expect(schemas).not.toHaveProperty('AuthLoginRequest');
    const bodyOf = (path: string) => {
      const { content } = operation(document, path, 'post').requestBody as { content: Record<string, object> };
      expect(Object.keys(content)).toEqual(['application/json', 'application/x-www-form-urlencoded']);
      return (content['application/json'] as { schema: { allOf: object[] } }).schema.allOf;
    };
    expect(schemas.EmailLoginDto).toMatchObject({ properties: { email: { type: 'string', format: 'email' } } });
    const ofLogin = bodyOf('/auth/login');
    expect(ofLogin).toMatchObject([
      { $ref: '#/components/schemas/EmailLoginDto' },
      { properties: { password: {}, otp: {} }, required: ['password'] },
      { properties: { client_id: { type: 'string' }, idempotency_key: { minLength: 16 } } },
    ]);
    expect(ofLogin.at(-1)).not.toHaveProperty('properties.username');
    expect(bodyOf('/auth/step-up').slice(-2)).toMatchObject([
      { properties: { code: {} }, required: ['code'] },
      { properties: { refresh_token: { type: 'string' } } },
    ]);
  });

  test('says what a throttled client and one with a DPoP key are answered', async () => {
    const { document } = await documented(adapter);
    type Responses = Record<string, { description: string; headers: object }>;
    const responses = (path: string, method: Method) => operation(document, path, method).responses as Responses;
    for (const path of ['/auth/login', '/auth/refresh', '/auth/step-up']) {
      expect(responses(path, 'post')[429].description).toBe('too_many_requests');
      expect(responses(path, 'post')[429].headers).toHaveProperty('Retry-After');
      expect(responses(path, 'post')[400].description).toContain('invalid_dpop_proof, use_dpop_nonce');
      expect(responses(path, 'post')[400].headers).toHaveProperty('DPoP-Nonce');
    }
    expect(responses('/auth/me', 'get')[401].description).toContain('invalid_dpop_proof, use_dpop_nonce');
    expect(responses('/auth/me', 'get')).not.toHaveProperty('400');
  });

  test('says where a recent authentication may be asked for', async () => {
    const { document } = await documented(adapter);
    const asking = ROUTES.filter(([method, path]) => {
      const responses = operation(document, path, method).responses as Record<string, { description: string }>;
      return responses[401]?.description.includes('insufficient_user_authentication');
    });
    expect(asking).toEqual([
      ['post', '/auth/logout-all'],
      ['delete', '/auth/sessions/{id}'],
    ]);
  });

  test('describes a use of a token, in JSON, in forms and in the header', async () => {
    const { document } = await documented(adapter);
    const key = { type: 'string', minLength: 16, maxLength: 64 };
    for (const path of ['/auth/login', '/auth/refresh', '/auth/step-up']) {
      const { parameters, requestBody, responses } = operation(document, path, 'post');
      const { content } = requestBody as { content: Record<string, { schema: { $ref: string } }> };
      expect(parameters).toMatchObject([{ name: 'Idempotency-Key', in: 'header', required: false }]);
      expect(Object.keys(content)).toEqual(['application/json', 'application/x-www-form-urlencoded']);
      for (const { schema } of Object.values(content)) {
        expect(document.components!.schemas![schema.$ref.split('/').at(-1)!]).toMatchObject({
          properties: {
            idempotency_key: key,
            received_with: {
              required: ['generation', 'keys'],
              additionalProperties: false,
              properties: {
                generation: { type: 'integer', minimum: 0, maximum: 2 ** 32 - 1 },
                keys: { minItems: 1, maxItems: 16, items: key },
              },
            },
          },
        });
      }
      const conflict = responses[409] as { description: string } | undefined;
      expect(conflict?.description).toBe(path === '/auth/login' ? undefined : 'superseded');
    }
    const logout = operation(document, '/auth/logout', 'post');
    expect(JSON.stringify(logout.requestBody)).toContain('/AuthLogoutRequest"');
    expect(document.components!.schemas!.AuthLogoutRequest).not.toHaveProperty('properties.idempotency_key');
    for (const schema of ['AuthRefreshRequest', 'AuthStepUpRequest']) {
      expect(document.components!.schemas![schema]).toHaveProperty('properties.client_id.maxLength', 255);
    }
  });

  test('describes the token of RFC 7009 at logout, in JSON and in forms', async () => {
    const { document } = await documented(adapter);
    const { requestBody } = operation(document, '/auth/logout', 'post');
    const { content } = requestBody as { content: object };
    expect(Object.keys(content)).toEqual(['application/json', 'application/x-www-form-urlencoded']);
    const { properties } = document.components!.schemas!.AuthLogoutRequest as { properties: object };
    expect(Object.keys(properties)).toEqual([
      'refresh_token',
      'client_nonce',
      'token',
      'token_type_hint',
      'session_id',
    ]);
  });

  test('names the parameters of the list of events', async () => {
    const { document } = await documented(adapter);
    const parameters = operation(document, '/auth/events', 'get').parameters!;
    expect(parameters.map((parameter) => ({ ...parameter, description: undefined }))).toMatchObject([
      { name: 'session_id', in: 'query', required: false, schema: { type: 'string', format: 'uuid' } },
      { name: 'limit', in: 'query', required: false, schema: { type: 'integer', minimum: 1 } },
      { name: 'before', in: 'query', required: false, schema: { type: 'string', format: 'uuid' } },
    ]);
    expect(operation(document, '/auth/sessions/{id}', 'delete').parameters).toMatchObject([{ name: 'id', in: 'path' }]);
  });

  test('names the cookie of the access token, where the host wants one', async () => {
    const { document } = await documented(adapter, {}, { cookie: { accessToken: true } });
    await expectValid(document);
    const { access_token_cookie: scheme } = document.components!.securitySchemes!;
    expect(scheme).toEqual({ type: 'apiKey', in: 'cookie', name: '__Host-access_token' });
    expect(operation(document, '/auth/me', 'get').security).toEqual([{ bearer: [] }, { access_token_cookie: [] }]);
    expect(operation(document, '/auth/logout', 'post').security).not.toContainEqual({ access_token_cookie: [] });
  });

  test('names the cookie and the access token by which a request is authenticated', async () => {
    const { document } = await documented(adapter, {}, { cookie: { name: '__Host-shop' } });
    expect(document.components?.securitySchemes).toEqual({
      bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
      refresh_cookie: { type: 'apiKey', in: 'cookie', name: '__Host-shop' },
    });
    expect(operation(document, '/auth/me', 'get').security).toEqual([{ bearer: [] }]);
    expect(operation(document, '/auth/refresh', 'post').security).toContainEqual({ refresh_cookie: [] });
  });

  test('says what the routes really answer', async () => {
    const { document, url } = await documented(adapter);
    const schemas = document.components!.schemas as Record<string, { required: string[]; properties: object }>;
    const keysOf = (schema: string) => Object.keys(schemas[schema].properties);
    const described = (path: string, method: Method) => Object.keys(operation(document, path, method).responses);

    const { status, body } = await login(url, ALICE);
    expect(described('/auth/login', 'post')).toContain(String(status));
    expect(Object.keys(body)).toEqual(expect.arrayContaining(schemas.AuthTokenResponse.required));
    for (const key of Object.keys(body)) expect(keysOf('AuthTokenResponse')).toContain(key);

    const headers = bearer(body.access_token);
    const me = await send<object>('GET', `${url}/auth/me`, { headers });
    // Neither claims nor details of a session: what has none leaves them out.
    expect(Object.keys(me.body).sort()).toEqual(schemas.AuthCurrentUser.required.sort());
    const sessions = await send<object[]>('GET', `${url}/auth/sessions`, { headers });
    expect(Object.keys(sessions.body[0]).sort()).toEqual(schemas.AuthSession.required.sort());

    for (const [method, path, request] of [
      ['post', '/auth/login', { body: { username: 7 } }],
      ['post', '/auth/login', { body: { ...ALICE, password: 'wrong' } }],
      ['post', '/auth/refresh', { body: { refresh_token: 'junk' } }],
      ['post', '/auth/refresh', { body: {} }],
      ['get', '/auth/me', {}],
      ['patch', '/auth/sessions/{id}', { headers, body: {} }],
      ['patch', '/auth/sessions/{id}', { headers, body: { tags: [7] } }],
      ['delete', '/auth/sessions/{id}', { headers }],
    ] as const) {
      const refused = await send<AuthBody>(method.toUpperCase(), url + path.replace('{id}', 'none'), request);
      const response = operation(document, path, method).responses[refused.status] as { description: string };
      expect(response.description).toContain(refused.body.error);
      expect(Object.keys(refused.body).sort()).toEqual(keysOf('AuthError').sort());
    }
  });

  test('follows prefix and version, and leaves other routes alone', async () => {
    const { document } = await documented(
      adapter,
      { configure: (app) => app.setGlobalPrefix('api').enableVersioning({ type: VersioningType.URI }) },
      { routePrefix: 'account', version: '2' },
    );
    expect(operation(document, '/api/v2/account/login', 'post').summary).toBe('Begins a session');
    expect(document.paths).not.toHaveProperty('/auth/login');
  });

  test.each([
    ['a path that is the name of a route, too', {}, { routePrefix: 'sessions' }, ['/sessions/sessions/{id}']],
    ['a path of several parts', {}, { routePrefix: 'staff/auth/sessions' }, ['/staff/auth/sessions/sessions/{id}']],
    [
      'several versions',
      { configure: (app) => app.enableVersioning({ type: VersioningType.URI }) },
      { version: ['1', '2'] },
      ['/v1/auth/sessions/{id}', '/v2/auth/sessions/{id}'],
    ],
    [
      'versions in a header',
      { configure: (app) => app.enableVersioning({ type: VersioningType.HEADER, header: 'Version' }) },
      { version: '1' },
      ['/auth/sessions/{id}'],
    ],
    [
      'a global prefix that leaves them out',
      { configure: (app) => app.setGlobalPrefix('api', { exclude: ['auth/*path'] }) },
      {},
      ['/auth/sessions/{id}'],
    ],
    [
      'a module that RouterModule has put elsewhere',
      { modules: [RouterModule.register([{ path: 'shop', module: AuthModule }])] },
      {},
      ['/shop/auth/sessions/{id}'],
    ],
  ] as [string, HostSetup & { modules?: HostSetup['imports'] }, object, string[]][])(
    'finds the routes below %s',
    async (_, { modules = [], ...setup }, extras, paths) => {
      const auth = AuthModule.forRoot({ ...HOST, secret: SECRET, ...extras });
      const { document } = await documented(adapter, { imports: [auth, ...modules], ...setup });
      for (const path of paths)
        expect(operation(document, path, 'delete').summary).toBe('Ends one session of the user');
      await expectValid(document);
    },
  );

  test('finds them in a document that leaves out the global prefix', async () => {
    const configure: HostSetup['configure'] = (app) => app.setGlobalPrefix('api');
    const { document } = await documented(adapter, { configure }, {}, { ignoreGlobalPrefix: true });
    expect(operation(document, '/auth/login', 'post').summary).toBe('Begins a session');
  });

  test('takes no route of the host for its own that ends alike', async () => {
    const { document } = await documented(adapter, { controllers: [VendorController] });
    expect(operation(document, '/vendor/auth/login', 'post').tags).toEqual(['Vendor']);
  });

  test('tells two AuthModules apart that differ in the version alone', async () => {
    const staff = { name: 'staff', entity: StaffRefreshToken, cookie: { name: '__Host-staff_refresh_token' } };
    const { document } = await documented(adapter, {
      ...TABLES,
      imports: [
        AuthModule.forRoot({ ...HOST, secret: SECRET, version: '1' }),
        AuthModule.forRoot({ ...HOST, ...staff, secret: SECRET, version: '2' }),
      ],
      configure: (app) => app.enableVersioning({ type: VersioningType.URI }),
    });
    expect(operation(document, '/v1/auth/me', 'get').security).toEqual([{ bearer: [] }]);
    expect(operation(document, '/v2/auth/me', 'get').security).toEqual([{ staff_bearer: [] }]);
  });

  test('is empty where there are no routes', async () => {
    const { document } = await documented(adapter, {}, { controllers: false });
    expect(document.paths).toEqual({});
  });
});
