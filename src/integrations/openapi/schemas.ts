import type { OpenAPIObject } from '@nestjs/swagger';

type Schemas = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>;

const text = { type: 'string' } as const;
/** The server refuses control characters in it. */
const name = { type: 'string', minLength: 1, maxLength: 255 } as const;
const texts = { type: 'array', items: text } as const;
const time = { type: 'string', format: 'date-time' } as const;
const textOrNull = { type: 'string', nullable: true } as const;
const sessionId = { type: 'string', format: 'uuid' } as const;
const transport = { type: 'string', enum: ['cookie', 'body'] };

const password = { type: 'string', minLength: 1, maxLength: 1024, format: 'password' } as const;
/** In requests that present a refresh token. */
const namedClient = {
  client_id: {
    ...text,
    maxLength: 255,
    description: 'If it is not the `client_id` of the session, the request is refused.',
  },
};
/** How a request presents a refresh token, and the client nonce of its session. */
const presented = {
  refresh_token: { ...text, maxLength: 4096, description: 'Leave it out if the token is in the cookie.' },
  client_nonce: {
    ...text,
    maxLength: 256,
    description: 'If the session is bound to one, and the transport is `body`.',
  },
};

const useKey = { ...text, minLength: 16, maxLength: 64, pattern: '^[A-Za-z0-9_-]+$' } as const;
/** What a client says about one use of its token. */
const use = {
  idempotency_key: {
    ...useKey,
    description:
      'A random key of this use, the same for each retry. It may be in the header `Idempotency-Key` instead.',
  },
  received_with: {
    type: 'object',
    description: 'The uses that may have brought the presented token. Leave it out if the client does not know.',
    required: ['generation', 'keys'],
    additionalProperties: false,
    properties: {
      generation: {
        type: 'integer',
        minimum: 0,
        maximum: 4_294_967_295,
        description: 'The generation of the presented token: `generation` of the answer that brought it.',
      },
      keys: {
        type: 'array',
        minItems: 1,
        maxItems: 16,
        items: useKey,
        description: 'The keys of these uses. A careful client has exactly one.',
      },
    },
  },
};

const tags = { type: 'array', maxItems: 16, items: { ...text, minLength: 1, maxLength: 64 } } as const;
const metadata = { type: 'object', additionalProperties: text } as const;

const error = {
  error: { ...text, description: 'A stable code.', example: 'invalid_grant' },
  error_description: { ...text, description: 'A sentence for developers. It may change.' },
};

/** The bodies of requests and answers of the auth routes. */
export const AUTH_SCHEMAS: Schemas = {
  AuthLoginRequest: {
    type: 'object',
    required: ['username', 'password'],
    properties: {
      username: { ...name, description: 'Without control characters.' },
      password,
      client_id: { ...name, description: 'The application of the client. Without control characters.' },
      device_name: {
        ...text,
        maxLength: 255,
        description: 'A name for the list of sessions. Without control characters.',
      },
      scope: {
        ...text,
        maxLength: 1024,
        description:
          'Space-separated (RFC 6749 §3.3). A scope outside the list of the server is refused. Without a list, none is granted.',
      },
      transport: { ...transport, description: 'How the refresh token travels, for the whole session.' },
      persistent: {
        type: 'boolean',
        description: 'With `false`, the browser forgets the cookie when it closes.',
      },
      bind: {
        ...text,
        enum: ['nonce', 'tls'],
        description: 'The binding of the session. A DPoP proof binds it without this field.',
      },
      ...use,
    },
  },
  AuthContinueRequest: {
    type: 'object',
    required: ['mfa_ticket'],
    properties: {
      mfa_ticket: { ...text, maxLength: 32_768, description: 'The ticket that the login has answered.' },
      client_id: { ...name, description: 'That of the login, if it is said again.' },
      transport: { ...transport, description: 'That of the login, if it is said again.' },
      ...use,
    },
  },
  AuthRefreshRequest: { type: 'object', properties: { ...presented, ...namedClient, ...use } },
  AuthLogoutRequest: {
    type: 'object',
    properties: {
      ...presented,
      token: {
        ...text,
        maxLength: 16_384,
        description: 'Instead of `refresh_token`: a refresh token or an access token (RFC 7009 §2.1).',
      },
      token_type_hint: { ...text, maxLength: 255, description: 'Of RFC 7009. The server needs no hint.' },
      session_id: { ...text, description: 'The only session that may end. The cookie of another one stays.' },
    },
  },
  AuthStepUpRequest: {
    type: 'object',
    required: ['password'],
    properties: { password, ...presented, ...namedClient, ...use },
  },
  AuthEvent: {
    type: 'object',
    required: ['id', 'type', 'at', 'session_id', 'reason', 'ip', 'country', 'user_agent', 'outcome'],
    properties: {
      id: { ...sessionId, description: 'The id of the event.' },
      type: { ...text, description: 'What happened.', example: 'refreshed' },
      at: time,
      session_id: { ...sessionId, nullable: true },
      reason: { ...textOrNull, description: 'Why it happened.' },
      ip: { ...textOrNull, description: 'The address of the client.' },
      country: { ...textOrNull, description: 'ISO 3166-1, two letters.' },
      user_agent: textOrNull,
      outcome: { ...text, enum: ['success', 'alert', 'step_up', 'denied', 'revoked'] },
    },
  },
  AuthLogoutAllRequest: {
    type: 'object',
    properties: {
      except_current: { type: 'boolean', default: false, description: 'Whether the session of this request goes on.' },
    },
  },
  AuthTokenResponse: {
    type: 'object',
    required: ['access_token', 'token_type', 'expires_in', 'scope', 'session_id', 'generation'],
    properties: {
      access_token: { ...text, description: 'A JWT (RFC 9068).' },
      token_type: { ...text, enum: ['Bearer', 'DPoP'], description: '`DPoP` if the session is bound to a key.' },
      expires_in: { type: 'integer', minimum: 0, description: 'Seconds until the access token expires.' },
      scope: { ...text, description: 'The granted scopes, space-separated.' },
      session_id: sessionId,
      generation: {
        type: 'integer',
        minimum: 0,
        description: 'The generation of the refresh token: 0 at login, one more after each refresh.',
      },
      refresh_token: { ...text, description: 'With the transport `body` only. Otherwise it is in the cookie.' },
      client_nonce: { ...text, description: 'At login with the transport `body`, if the session is bound to one.' },
    },
  },
  AuthSession: {
    type: 'object',
    required: [
      'id',
      'current',
      'client_id',
      'device_name',
      'user_agent',
      'ip',
      'country',
      'created_at',
      'last_used_at',
      'expires_at',
    ],
    properties: {
      id: sessionId,
      current: { type: 'boolean', description: 'Whether it is the session of this request.' },
      client_id: text,
      device_name: { ...textOrNull, description: 'The name that the login gave, or the user has given since.' },
      tags: { ...tags, description: 'Absent without tags.' },
      actor: {
        type: 'object',
        description: 'The administrator who acts as the user. Absent in own sessions.',
        required: ['id'],
        properties: { id: text, name: text },
      },
      metadata: { ...metadata, description: 'Texts by name. Absent without metadata.' },
      user_agent: textOrNull,
      ip: { ...textOrNull, description: 'The address of the last refresh or login.' },
      country: { ...textOrNull, description: 'ISO 3166-1, two letters.' },
      created_at: time,
      last_used_at: { ...time, description: 'The time of the last refresh or login, rounded down to five minutes.' },
      expires_at: { ...time, description: 'The session ends then, unless it is idle for too long before.' },
    },
  },
  AuthSessionUpdateRequest: {
    type: 'object',
    description: 'What is left out stays. `null` removes it.',
    properties: {
      device_name: { ...textOrNull, maxLength: 255, description: 'Without control characters.' },
      tags: { ...tags, nullable: true, description: 'In place of the old ones. Without control characters.' },
      metadata: {
        ...metadata,
        nullable: true,
        description:
          'Texts by names of 1 to 64 characters, in place of the old. At most 2048 characters as JSON. Without control characters.',
      },
    },
  },
  AuthCurrentUser: {
    type: 'object',
    required: ['id', 'roles', 'permissions', 'session_id'],
    properties: { id: text, roles: texts, permissions: texts, session_id: sessionId },
    description:
      'If the host adds claims to access tokens, they are in `claims`. If an administrator acts as the user, `actor` has their `id`.',
  },
  AuthError: { type: 'object', required: ['error', 'error_description'], properties: error },
  AuthMfaRequired: {
    type: 'object',
    required: ['error', 'error_description'],
    properties: {
      ...error,
      mfa_ticket: { ...text, description: 'With `mfa_required`: the ticket for the second step.' },
      methods: { ...texts, description: 'With `mfa_required`: what the user can prove.' },
      expires_in: { type: 'integer', minimum: 0, description: 'With `mfa_required`: seconds.' },
    },
  },
};
