import { AUTH_SCHEMAS } from '../../src/integrations/openapi/schemas.js';
import { type Documented, firstSentence, members } from './docstrings.js';
import { errorLink, page, rfcLink } from './page.js';
import { errorsOf, isGuarded, type Route, ROUTES } from './routes.js';

const INTRODUCTION = `JSON in and out, with the names of OAuth 2.0 (${rfcLink('RFC 6749')}). Every answer has
\`Cache-Control: no-store\`. Errors are \`{"error": code, "error_description": text}\`: see [Errors](errors.md). An unexpected error is 500
${errorLink('server_error')} on every route.

The paths below begin with the default prefix \`auth\`. [\`routePrefix\`](options.md#routeprefix) changes it. Times are ISO 8601 in UTC.`;

/** What no schema says. */
const NOTES: Record<string, string> = {
  'post /login': `The transport is chosen here, for the whole session. With a \`DPoP\` header the session is bound to the key of the proof. With the transport
\`cookie\` the login ends the session whose cookie the request has; the reason is \`replaced\`.`,
  'post /login/continue': `Only with [\`mfaDto\`](options.md#mfadto), whose fields come next to the ticket. Transport, client and binding are those of the first
step. See [Second factor](../guides/second-factor.md).`,
  'post /refresh': `The refresh token comes in the body or in the cookie, together with what the session is bound to. After \`step_up_required\`,
\`region_not_allowed\`, 429 and 503 the token is still good. A use of a token: see [below](#a-use-of-a-token).`,
  'post /logout': `Send the refresh token in the body or in the cookie, or an access token in \`Authorization\`. Or send either of them as \`token\`
(${rfcLink('RFC 7009 §2.1')}). The body may be a form. A second logout succeeds too, and so does one with a token that this server did not issue. A body with a
token in another field is 400. The cookie is cleared. With \`session_id\` only that session ends; the cookie of another one stays.`,
  'post /logout-all':
    'With `"except_current": true` the session of the access token goes on. Otherwise the cookie is cleared.',
  'post /step-up': `The session gets a new refresh token, and the access token a new \`auth_time\`. The old token still brings the same successor within the
grace window, and to a retry with the same key. The user provider needs \`reauthenticate\`.`,
  'get /events': `The route answers 404 if [\`audit.store\`](options.md#auditstore) is off. A refresh is in the list after five minutes, so that a thief
who reads it does not learn the moment.`,
  'get /me': 'The database is not asked: the answer is what the access token says.',
  'patch /sessions/{id}':
    'A session of another user answers 404, as if there were none. A refresh at the same moment is not disturbed.',
  'delete /sessions/{id}': 'The id is that of the list of sessions. A session of another user answers 404 too.',
};

/** Values for the examples, by the name of the field. */
const SAMPLES: Record<string, unknown> = {
  username: 'alice',
  password: 'alice-password',
  transport: 'body',
  refresh_token: 'nrt_…',
  mfa_ticket: 'nrtm_…',
  except_current: true,
  device_name: 'Laptop',
};
/** The optional fields that an example shows. */
const SHOWN = ['transport', 'refresh_token', 'except_current', 'device_name'];
const EXAMPLE_ID = '5b0c2c4e-9d0b-4c7e-8a53-0f3f0a5e7d11';

const TOKEN_RESPONSE = `## The token response

\`POST /auth/login\`, \`POST /auth/refresh\` and \`POST /auth/step-up\` answer with it (${rfcLink('RFC 6749 §5.1')}). With the transport \`cookie\` it has
no secret but the access token; the refresh token and the client nonce are in cookies.`;

const USE = `## A use of a token

A client may say two things about a login, a refresh or a step-up. The server can then tell a lost answer from a stolen token.

- \`idempotency_key\`: a random key, made once for each use, and the same for every retry of it. It has 16 to 64 characters of
  \`A-Z\`, \`a-z\`, \`0-9\`, \`-\` and \`_\`. Keep it as secret as the token.
- \`received_with\`: the \`generation\` of the presented token, and the keys of the uses that may have brought it.

Both may come as JSON or in a form (\`application/x-www-form-urlencoded\`). A form has \`received_with\` as JSON text, or in brackets:

\`\`\`sh
curl -X POST localhost:3000/auth/refresh \\
  -d 'refresh_token=nrt_…' \\
  -d 'idempotency_key=uQ3nT0kq9o2dJc5w' \\
  -d 'received_with[generation]=4' \\
  -d 'received_with[keys][]=p8VxkLr2mZ0aWb7e'
\`\`\`

If the body has no key, the header \`Idempotency-Key\` counts. A gateway may have written it, so then \`received_with\` does not count.

A malformed key or claim is 400 ${errorLink('invalid_request')}. Such a request changes nothing: no session begins, no password is checked, and
the token is still good. What to store and to send, and a reference client: [Retries and theft](../guides/retries-and-theft.md).`;

const REFRESH_TOKEN = `## The refresh token

It is opaque: \`nrt_\` and 128 characters. With the transport \`body\` it is in the answer, as \`refresh_token\`. Send it in the body of a
request, never in a URL or a header.`;

const COOKIE = `## The cookie

With the transport \`cookie\` the refresh token is in the cookie \`__Host-refresh_token\`: \`HttpOnly\`, \`Secure\`, \`SameSite=Strict\`,
\`Path=/\`, without \`Domain\`. It never outlives the session. [\`cookie.name\`](options.md#cookiename) changes the name.

If the session is bound to a client nonce, the nonce is in a second cookie of the same kind: \`__Host-client_nonce\`.

With [\`refreshToken.onNewDevice\`](options.md#refreshtokenonnewdevice), a login also sets \`__Host-refresh_token_device_id\`, with \`SameSite=Lax\`. It
tells one browser from another, and authenticates nobody. A logout keeps it.

A logout clears both other cookies, and so does 401 ${errorLink('invalid_grant')} if the session is over.`;

const CROSS_SITE = `## Cross-site checks

A request that uses the cookie must come from a page of the server's own origin, or of
[\`cookie.allowedOrigins\`](options.md#cookieallowedorigins). A request that no page sent may use it too. Others are refused with 403
${errorLink('forbidden')}. A login with the transport \`cookie\` is checked in the same way.

The server reads these headers, in this order:

- \`Origin\`: an allowed origin passes.
- \`Sec-Fetch-Site\`: \`same-origin\` and \`none\` pass. \`same-site\` and \`cross-site\` do not.
- \`Origin\` again, if the browser sends no \`Sec-Fetch-Site\`: its host must be that of the request. A request without \`Origin\` passes.

See [who may use the cookie](../guides/routes-and-cors.md#who-may-use-the-cookie).`;

const ACCESS_TOKEN = `## The access token

It is a JWT (${rfcLink('RFC 9068')}) with the header \`typ: at+jwt\` and the algorithm \`HS256\`. Its claims:`;

const PRESENTED = `Send it as \`Authorization: Bearer\`, or as \`Authorization: DPoP\` with a proof if the session is bound to a key. A guarded route that refuses
it answers 401 with one of ${(['unauthorized', 'invalid_token', 'token_expired', 'token_revoked', 'token_stale'] as const).map(errorLink).join(', ')}. If a
role is missing it answers 403 ${errorLink('forbidden')}.`;

interface Parameter {
  name: string;
  in: 'header' | 'query';
  description: string;
  schema: Schema;
}

interface Schema {
  type?: string;
  format?: string;
  enum?: string[];
  description?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  nullable?: boolean;
  default?: unknown;
  $ref?: string;
  items?: Schema;
  required?: string[];
  properties?: Record<string, Schema>;
}

/** `docs/reference/http-api.md`. */
export function httpApiPage(): Promise<string> {
  const claims = members('src/auth/access-token/authenticated-user.ts', 'AccessTokenClaims');
  return page('HTTP API', INTRODUCTION, [
    '## Routes',
    ...ROUTES.flatMap(section),
    TOKEN_RESPONSE,
    fields(AUTH_SCHEMAS.AuthTokenResponse as Schema),
    USE,
    REFRESH_TOKEN,
    COOKIE,
    CROSS_SITE,
    ACCESS_TOKEN,
    claims.map(claim).join('\n'),
    PRESENTED,
  ]);
}

function section(route: Route): string[] {
  const { name, title, described } = route;
  return [
    `### \`${title}\``,
    `${described.summary}.`,
    ...(NOTES[name] === undefined ? [] : [NOTES[name]]),
    ...(isGuarded(route) ? ['It needs an access token.'] : []),
    ...request(route),
    ...answer(route),
    `Errors: ${errorsOf(route).map(errorLink).join(', ')}.`,
    `\`\`\`sh\n${curl(route)}\n\`\`\``,
  ];
}

function request({ described: { requestBody, parameters } }: Route): string[] {
  const body = schemaOf(requestBody as Content | undefined);
  const named = (parameters ?? []) as Parameter[];
  const among = (place: Parameter['in']) =>
    named
      .filter((one) => one.in === place)
      .map(({ name, description, schema }) => field(name, { ...schema, description }, false));
  const [headers, query] = [among('header'), among('query')];
  return [
    ...(body === undefined ? [] : ['Body:', fields(body)]),
    ...(headers.length === 0 ? [] : ['Header:', headers.join('\n')]),
    ...(query.length === 0 ? [] : ['Query:', query.join('\n')]),
  ];
}

function answer({ described: { responses } }: Route): string[] {
  const [[status, response]] = Object.entries(responses);
  const schema = schemaOf(response as Content);
  if (schema === undefined) return [`Answer: ${status}, without a body.`];
  if (schema === AUTH_SCHEMAS.AuthTokenResponse)
    return [`Answer: ${status}, [the token response](#the-token-response).`];
  if (schema.type === 'array') return [`Answer: ${status}, a list of objects:`, fields(named(schema.items!.$ref!))];
  return [`Answer: ${status}`, fields(schema)];
}

interface Content {
  content?: Record<string, { schema: Schema }>;
}

function schemaOf(holder: Content | undefined): Schema | undefined {
  const schema = holder?.content?.['application/json'].schema;
  return schema?.$ref === undefined ? schema : named(schema.$ref);
}

const named = (reference: string) => AUTH_SCHEMAS[reference.split('/').at(-1)!] as Schema;

function fields({ properties = {}, required = [] }: Schema): string {
  return Object.entries(properties)
    .map(([name, schema]) => field(name, schema, required.includes(name)))
    .join('\n');
}

function field(name: string, schema: Schema, isRequired: boolean): string {
  const type =
    schema.enum?.map((value) => `\`${value}\``).join(' or ') ??
    (schema.items ? listOf(schema) : (FORMATS[schema.format!] ?? schema.type));
  const { minimum, maximum } = schema;
  const about = [
    schema.nullable ? `${type} or null` : type,
    isRequired ? undefined : 'optional',
    maximum === undefined ? undefined : `${minimum} to ${maximum.toLocaleString('en')}`,
    lengthOf(schema),
    schema.default === undefined ? undefined : `by default ${String(schema.default)}`,
  ].filter((one) => one !== undefined);
  const inner = schema.properties === undefined ? '' : `\n${fields(schema).replace(/^/gm, '  ')}`;
  return `- \`${name}\` (${about.join(', ')})${schema.description === undefined ? '' : `: ${schema.description}`}${inner}`;
}

function listOf({ items, minItems, maxItems }: Schema): string {
  const count = maxItems === undefined ? '' : `${minItems === undefined ? 'at most' : `${minItems} to`} ${maxItems} `;
  return [`list of ${count}strings`, lengthOf(items!)].filter((one) => one !== undefined).join(' of ');
}

function lengthOf({ minLength, maxLength }: Schema): string | undefined {
  if (maxLength === undefined) return undefined;
  return `${minLength === undefined ? 'at most' : `${minLength} to`} ${maxLength} characters`;
}

const FORMATS: Record<string, string> = { uuid: 'UUID', 'date-time': 'time', password: 'string' };

/** A call that works, apart from the secrets in it. */
function curl(route: Route): string {
  const [method, path] = route.title.split(' ');
  const body = schemaOf(route.described.requestBody as Content | undefined);
  const names = Object.keys(body?.properties ?? {}).filter(
    (name) => body!.required?.includes(name) || SHOWN.includes(name),
  );
  const data = JSON.stringify(Object.fromEntries(names.map((name) => [name, SAMPLES[name]])));
  return [
    `curl ${method === 'GET' ? '' : `-X ${method} `}localhost:3000${path.replace(':id', EXAMPLE_ID)}`,
    ...(isGuarded(route) ? [`-H 'Authorization: Bearer eyJ…'`] : []),
    ...(names.length === 0 ? [] : [`-H 'Content-Type: application/json'`, `-d '${data}'`]),
  ].join(' \\\n  ');
}

function claim({ name, text, type }: Documented): string {
  if (text === '') throw new Error(`The claim ${name} has no docstring.`);
  return `- \`${name}\` (\`${type}\`): ${firstSentence(text)}`;
}
