import type { OpenAPIObject } from '@nestjs/swagger';

type Schemas = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>;

const text = { type: 'string' } as const;
const texts = { type: 'array', items: text } as const;
const time = { type: 'string', format: 'date-time' } as const;
const textOrNull = { type: 'string', nullable: true } as const;
const sessionId = { type: 'string', format: 'uuid' } as const;
const transport = { type: 'string', enum: ['cookie', 'body'] };

/** The bodies of requests and answers of the auth routes. */
export const AUTH_SCHEMAS: Schemas = {
  AuthLoginRequest: {
    type: 'object',
    required: ['username', 'password'],
    properties: {
      username: { ...text, minLength: 1, maxLength: 255 },
      password: { ...text, minLength: 1, maxLength: 1024, format: 'password' },
      client_id: { ...text, minLength: 1, maxLength: 255 },
      device_name: { ...text, maxLength: 255, description: 'A name for the list of sessions.' },
      scope: { ...text, maxLength: 1024, description: 'Space-separated (RFC 6749 §3.3).' },
      transport: { ...transport, description: 'How the refresh token travels, for the whole session.' },
      bind: {
        ...text,
        enum: ['nonce', 'tls'],
        description: 'The binding of the session. A DPoP proof binds it without this field.',
      },
    },
  },
  AuthRefreshRequest: {
    type: 'object',
    properties: {
      refresh_token: { ...text, description: 'Leave it out if the token is in the cookie.' },
      client_nonce: { ...text, description: 'If the session is bound to one.' },
    },
  },
  AuthStepUpRequest: {
    type: 'object',
    required: ['password'],
    properties: {
      password: { ...text, minLength: 1, maxLength: 1024, format: 'password' },
      refresh_token: { ...text, description: 'Leave it out if the token is in the cookie.' },
      client_nonce: { ...text, description: 'If the session is bound to one.' },
    },
  },
  AuthEvent: {
    type: 'object',
    required: ['id', 'type', 'at', 'outcome'],
    properties: {
      id: sessionId,
      type: { ...text, example: 'refreshed' },
      at: time,
      session_id: { ...sessionId, nullable: true },
      reason: textOrNull,
      ip: textOrNull,
      country: textOrNull,
      user_agent: textOrNull,
      outcome: text,
    },
  },
  AuthLogoutAllRequest: {
    type: 'object',
    properties: { except_current: { type: 'boolean', default: false } },
  },
  AuthTokenResponse: {
    type: 'object',
    required: ['access_token', 'token_type', 'expires_in', 'scope', 'session_id'],
    properties: {
      access_token: { ...text, description: 'A JWT (RFC 9068).' },
      token_type: { ...text, enum: ['Bearer', 'DPoP'] },
      expires_in: { type: 'integer', minimum: 0, description: 'Seconds.' },
      scope: text,
      session_id: sessionId,
      refresh_token: { ...text, description: 'With the transport `body` only. Otherwise it is in the cookie.' },
      client_nonce: { ...text, description: 'At login with the transport `body`, if the session is bound to one.' },
    },
  },
  AuthSession: {
    type: 'object',
    required: ['id', 'current', 'client_id', 'created_at', 'last_used_at', 'expires_at'],
    properties: {
      id: sessionId,
      current: { type: 'boolean', description: 'Whether it is the session of this request.' },
      client_id: text,
      device_name: textOrNull,
      user_agent: textOrNull,
      ip: textOrNull,
      country: textOrNull,
      created_at: time,
      last_used_at: time,
      expires_at: time,
    },
  },
  AuthCurrentUser: {
    type: 'object',
    required: ['id', 'roles', 'permissions', 'session_id'],
    properties: { id: text, roles: texts, permissions: texts, session_id: sessionId },
  },
  AuthError: {
    type: 'object',
    required: ['error', 'error_description'],
    properties: {
      error: { ...text, description: 'A stable code.', example: 'invalid_grant' },
      error_description: { ...text, description: 'A sentence for developers. It may change.' },
    },
  },
};
