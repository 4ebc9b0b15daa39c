import type { OpenAPIObject } from '@nestjs/swagger';
import type { AuthErrorCode } from '../../auth/common/errors/auth-error-codes.js';
import { AuthError } from '../../auth/common/errors/auth-error.js';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type Headers = Record<string, { description: string; schema: { type: 'string' } }>;

interface Response {
  description: string;
  headers: Headers;
  content?: Record<string, { schema: object }>;
}

/** The names of the security schemes of one `AuthModule`. */
export interface SecurityNames {
  readonly accessToken: string;
  readonly cookie: string;
  /** With the option `cookie.accessToken`. */
  readonly accessTokenCookie?: string;
}

/** The description of a route, except what Nest itself knows. */
export type Described = Pick<Operation, 'summary' | 'parameters' | 'requestBody' | 'responses' | 'security'>;

const header = (description: string): Headers[string] => ({ description, schema: { type: 'string' } });
const NO_STORE: Headers = { 'Cache-Control': header('no-store') };
const SET_COOKIE: Headers = {
  'Set-Cookie': header('The refresh token, HttpOnly, with the attributes of the options `cookie`'),
};
const CLEARED: Headers = { 'Set-Cookie': header('Clears the cookie of the refresh token') };

const json = (schema: string) => ({
  'application/json': { schema: { $ref: `#/components/schemas/${schema}` } },
});

const body = (schema: string, required: boolean) => ({ required, content: json(schema) });

/** A body that may also be a form. */
const bodyOrForm = (schema: string, required: boolean, encoding?: Record<string, { contentType: string }>) => ({
  required,
  content: {
    ...json(schema),
    'application/x-www-form-urlencoded': { schema: { $ref: `#/components/schemas/${schema}` }, encoding },
  },
});

/** In a form, `received_with` is JSON text, or in brackets. */
const bodyOfUse = (schema: string, required: boolean) =>
  bodyOrForm(schema, required, { received_with: { contentType: 'application/json' } });

const KEY_HEADER = {
  name: 'Idempotency-Key',
  in: 'header' as const,
  required: false,
  description:
    'The key of this use, if the body has no `idempotency_key`. It may be in quotes. With it, `received_with` does not count.',
  schema: { type: 'string', pattern: '^("[A-Za-z0-9_-]{16,64}"|[A-Za-z0-9_-]{16,64})$' },
};

const answer = (description: string, schema?: string, headers: Headers = {}): Response => ({
  description,
  headers: { ...NO_STORE, ...headers },
  ...(schema !== undefined && { content: json(schema) }),
});

/** The responses of these refusals, one for each status. */
function refusals(...refused: (AuthErrorCode | AuthError)[]): Operation['responses'] {
  const errors = refused.map((error) => (typeof error === 'string' ? new AuthError(error) : error));
  const statuses = [...new Set(errors.map((error) => error.getStatus()))];
  return Object.fromEntries(
    statuses.map((status) => {
      const own = errors.filter((error) => error.getStatus() === status);
      const names = [...new Set(own.flatMap((error) => Object.keys(error.headers)))];
      const headers = Object.fromEntries(names.map((name) => [name, header(`See ${name}`)]));
      const schema = own.some(({ code }) => code === 'mfa_required') ? 'AuthMfaRequired' : 'AuthError';
      return [status, answer(own.map(({ code }) => code).join(', '), schema, headers)];
    }),
  );
}

const OF_PROOF = [
  new AuthError('invalid_dpop_proof'),
  new AuthError('use_dpop_nonce', undefined, { dpopNonce: 'the next' }),
];
const OF_PROOF_AT_RESOURCES = OF_PROOF.map((error) => error.atResource('DPoP'));
const OF_ACCESS_TOKEN = [
  ...(['unauthorized', 'invalid_token', 'token_expired', 'token_revoked', 'token_stale'] as const),
  ...OF_PROOF_AT_RESOURCES,
];
/** The refusals of routes that end other sessions. */
const OF_ENDING = [
  ...OF_ACCESS_TOKEN,
  'forbidden',
  new AuthError('insufficient_user_authentication', undefined, { maxAge: 600 }),
] as const;
/** The refusals of an access token whose session may have ended. */
const OF_LOGOUT = ['invalid_token', 'token_expired', ...OF_PROOF_AT_RESOURCES] as const;
/** The refusal of routes whose failures are throttled. */
const THROTTLED = new AuthError('too_many_requests', undefined, { retryAfter: 1 });
const ALWAYS = ['https_required', 'temporarily_unavailable'] as const;

const query = (name: string, description: string, schema: object) => ({
  name,
  in: 'query' as const,
  required: false,
  description,
  schema,
});
const UUID = { type: 'string', format: 'uuid' };
const OF_EVENTS = [
  query('session_id', 'Only events of this session.', UUID),
  query('limit', 'The most events. More than 200 counts as 200.', { type: 'integer', minimum: 1, default: 50 }),
  query('before', 'Only events before the event with this id.', UUID),
];

const SESSION_ID = { name: 'id', required: true, in: 'path' as const, schema: { type: 'string' } };

/** Every route: its method and its path below the prefix. */
export function authOperations({ accessToken, cookie, accessTokenCookie }: SecurityNames): Record<string, Described> {
  const bearer = [{ [accessToken]: [] }];
  const guarded = accessTokenCookie === undefined ? bearer : [...bearer, { [accessTokenCookie]: [] }];
  return {
    'post /login': {
      summary: 'Begins a session',
      security: [],
      parameters: [KEY_HEADER],
      requestBody: bodyOfUse('AuthLoginRequest', true),
      responses: {
        200: answer('Signed in', 'AuthTokenResponse', SET_COOKIE),
        ...refusals(
          'invalid_request',
          ...OF_PROOF,
          'invalid_scope',
          'invalid_credentials',
          'mfa_required',
          'forbidden',
          'region_not_allowed',
          'session_limit',
          THROTTLED,
          ...ALWAYS,
        ),
      },
    },
    'post /login/continue': {
      summary: 'Begins a session after a second factor',
      security: [],
      parameters: [KEY_HEADER],
      requestBody: bodyOfUse('AuthContinueRequest', true),
      responses: {
        200: answer('Signed in', 'AuthTokenResponse', SET_COOKIE),
        ...refusals(
          'invalid_request',
          ...OF_PROOF,
          'invalid_credentials',
          'invalid_mfa_ticket',
          'forbidden',
          'region_not_allowed',
          'session_limit',
          THROTTLED,
          ...ALWAYS,
        ),
      },
    },
    'post /refresh': {
      summary: 'Issues a new access token, and the successor of the refresh token',
      // The token is in the body or in the cookie.
      security: [{}, { [cookie]: [] }],
      parameters: [KEY_HEADER],
      requestBody: bodyOfUse('AuthRefreshRequest', false),
      responses: {
        200: answer('Refreshed', 'AuthTokenResponse', SET_COOKIE),
        ...refusals(
          'invalid_request',
          'refresh_token_missing',
          ...OF_PROOF,
          'invalid_grant',
          'step_up_required',
          'forbidden',
          'region_not_allowed',
          'superseded',
          THROTTLED,
          ...ALWAYS,
        ),
      },
    },
    'post /logout': {
      summary: 'Ends the session',
      security: [{}, { [cookie]: [] }, ...bearer],
      requestBody: bodyOrForm('AuthLogoutRequest', false),
      responses: {
        204: answer('Signed out', undefined, CLEARED),
        ...refusals('invalid_request', ...OF_LOGOUT, 'forbidden', ...ALWAYS),
      },
    },
    'post /logout-all': {
      summary: 'Ends the sessions of the user on all devices',
      security: guarded,
      requestBody: body('AuthLogoutAllRequest', false),
      responses: {
        204: answer('Signed out', undefined, CLEARED),
        ...refusals('invalid_request', ...OF_ENDING, ...ALWAYS),
      },
    },
    'post /step-up': {
      summary: 'Authenticates again within the session, and replaces the refresh token',
      security: [{}, { [cookie]: [] }],
      parameters: [KEY_HEADER],
      requestBody: bodyOfUse('AuthStepUpRequest', true),
      responses: {
        200: answer('Authenticated', 'AuthTokenResponse', SET_COOKIE),
        ...refusals(
          'invalid_request',
          'refresh_token_missing',
          ...OF_PROOF,
          'invalid_credentials',
          'invalid_grant',
          'forbidden',
          'region_not_allowed',
          'superseded',
          THROTTLED,
          ...ALWAYS,
        ),
      },
    },
    'get /events': {
      summary: 'Lists the events of the user, the latest first',
      security: guarded,
      parameters: OF_EVENTS,
      responses: {
        200: {
          ...answer('The events'),
          content: {
            'application/json': {
              schema: { type: 'array', items: { $ref: '#/components/schemas/AuthEvent' } },
            },
          },
        },
        ...refusals('invalid_request', 'not_found', ...OF_ACCESS_TOKEN, ...ALWAYS),
      },
    },
    'get /me': {
      summary: 'Returns the user of the access token',
      security: guarded,
      responses: { 200: answer('The user', 'AuthCurrentUser'), ...refusals(...OF_ACCESS_TOKEN, ...ALWAYS) },
    },
    'get /sessions': {
      summary: 'Lists the sessions of the user, the last used first',
      security: guarded,
      responses: {
        200: {
          ...answer('The sessions'),
          content: {
            'application/json': {
              schema: { type: 'array', items: { $ref: '#/components/schemas/AuthSession' } },
            },
          },
        },
        ...refusals(...OF_ACCESS_TOKEN, ...ALWAYS),
      },
    },
    'patch /sessions/{id}': {
      summary: 'Changes the device name, the tags or the metadata of one session of the user',
      security: guarded,
      parameters: [SESSION_ID],
      requestBody: body('AuthSessionUpdateRequest', true),
      responses: {
        204: answer('Changed'),
        ...refusals('invalid_request', 'not_found', 'forbidden', ...OF_ACCESS_TOKEN, ...ALWAYS),
      },
    },
    'delete /sessions/{id}': {
      summary: 'Ends one session of the user',
      security: guarded,
      parameters: [SESSION_ID],
      responses: { 204: answer('Ended'), ...refusals('not_found', ...OF_ENDING, ...ALWAYS) },
    },
  };
}
