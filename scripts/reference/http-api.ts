import { AuthError, type AuthErrorCode } from '../../src/auth/common/errors/auth-error.js';
import { authOperations, type Described } from '../../src/integrations/openapi/operations.js';
import { AUTH_SCHEMAS } from '../../src/integrations/openapi/schemas.js';
import { errorLink, page } from './page.js';

const INTRODUCTION = `JSON in and out, with the names of OAuth 2.0 ([RFC 6749](https://www.rfc-editor.org/rfc/rfc6749)). Every answer has
\`Cache-Control: no-store\`. Errors are \`{"error": code, "error_description": text}\`: see [Errors](errors.md).

The paths below begin with the default prefix \`auth\`. [\`routePrefix\`](options.md#routeprefix) changes it.`;

/** What no schema says. */
const NOTES: Record<string, string> = {
  'post /login': `The transport is chosen here, for the whole session. With a \`DPoP\` header the session is bound to the key of the proof.`,
  'post /refresh': `The refresh token comes in the body or in the cookie, together with what the session is bound to. After \`step_up_required\`,
\`region_not_allowed\`, 429 and 503 the token is still good.`,
  'post /logout': `Send the refresh token in the body or in the cookie, or an access token as \`Authorization: Bearer\`. A second logout succeeds too.
The cookie is cleared.`,
  'post /logout-all': 'With `"except_current": true` the session of the access token stays.',
  'get /events':
    'The path answers 404 if [`audit.store`](options.md#auditstore) is off. `outcome` is `success`, `alert`, `step_up`, `denied` or `revoked`.',
  'post /step-up': `The session gets a new refresh token and a new \`auth_time\`. The old token still brings the same successor within the grace window.
The user provider needs \`reauthenticate\`.`,
};

const EXAMPLES: Record<string, string> = {
  'post /login': `curl localhost:3000/auth/login -H 'Content-Type: application/json' \\
  -d '{"username":"alice","password":"alice-password","transport":"body"}'`,
  'post /refresh': `curl localhost:3000/auth/refresh -H 'Content-Type: application/json' \\
  -d '{"refresh_token":"nrt_…"}'`,
  'post /logout': `curl -X POST localhost:3000/auth/logout -H 'Authorization: Bearer eyJ…'`,
  'get /sessions': `curl localhost:3000/auth/sessions -H 'Authorization: Bearer eyJ…'`,
};

const TOKENS = `## The refresh token

It is opaque: \`nrt_\` and 96 characters. With \`transport: body\` it is in the answer, as \`refresh_token\`. Otherwise it is in the cookie
\`__Host-refresh_token\`: \`HttpOnly\`, \`Secure\`, \`SameSite=Strict\`, \`Path=/\`, without \`Domain\`. The cookie never outlives the session.

A request with the cookie that a page of another origin sent is refused with 403. The server checks \`Sec-Fetch-Site\`, or \`Origin\` if a
browser does not send it: see [who may use the cookie](../guides/routes-and-cors.md#who-may-use-the-cookie).

## The access token

It is a JWT ([RFC 9068](https://www.rfc-editor.org/rfc/rfc9068)) with the header \`typ: at+jwt\`. Its claims are \`iss\`, \`aud\`, \`sub\` (the user id),
\`client_id\`, \`iat\`, \`exp\`, \`jti\`, \`scope\`, \`roles\`, \`permissions\`, \`auth_time\`, \`sid\` (the session) and \`gen\` (the generation). A bound session also has
\`cnf\`.

Send it as \`Authorization: Bearer\`, or as \`Authorization: DPoP\` with a proof if the session is bound to a key. A guarded route that refuses
it answers 401 with one of ${(['unauthorized', 'invalid_token', 'token_expired', 'token_revoked', 'token_stale'] as const).map(errorLink).join(', ')}. If a
role is missing it answers 403 ${errorLink('forbidden')}.`;

interface Schema {
  type?: string;
  format?: string;
  enum?: string[];
  description?: string;
  minLength?: number;
  maxLength?: number;
  nullable?: boolean;
  default?: unknown;
  $ref?: string;
  items?: Schema;
  required?: string[];
  properties?: Record<string, Schema>;
}

/** `docs/reference/http-api.md`. */
export function httpApiPage(): Promise<string> {
  const operations = authOperations({ accessToken: 'access', cookie: 'cookie' });
  return page('HTTP API', INTRODUCTION, [
    '## Routes',
    ...Object.entries(operations).flatMap(([route, operation]) => section(route, operation)),
    TOKENS,
  ]);
}

function section(route: string, operation: Described): string[] {
  const [method, path] = route.split(' ');
  const needsAccessToken = operation.security?.every((one) => 'access' in one) && operation.security.length > 0;
  return [
    `### \`${method.toUpperCase()} /auth${path.replace(/\{(\w+)\}/, ':$1')}\``,
    `${operation.summary}.`,
    ...(NOTES[route] === undefined ? [] : [NOTES[route]]),
    ...(needsAccessToken ? ['It needs an access token.'] : []),
    ...request(operation),
    ...answer(operation),
    `Errors: ${errors(operation).map(errorLink).join(', ')}.`,
    ...(EXAMPLES[route] === undefined ? [] : [`\`\`\`sh\n${EXAMPLES[route]}\n\`\`\``]),
  ];
}

function request({ requestBody, parameters }: Described): string[] {
  const body = schemaOf(requestBody as Content | undefined);
  const query = (parameters ?? []).map((one) => {
    const { name, description, schema } = one as { name: string; description: string; schema: Schema };
    return field(name, { ...schema, description }, false);
  });
  return [
    ...(body === undefined ? [] : ['Body:', fields(body)]),
    ...(query.length === 0 ? [] : ['Query:', query.join('\n')]),
  ];
}

function answer({ responses }: Described): string[] {
  const [[status, response]] = Object.entries(responses);
  const schema = schemaOf(response as Content);
  if (schema === undefined) return [`Answer: ${status}, without a body.`];
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
    (schema.items ? 'list of strings' : (schema.format ?? schema.type));
  const about = [
    schema.nullable ? `${type} or null` : type,
    isRequired ? undefined : 'optional',
    schema.maxLength === undefined ? undefined : `at most ${schema.maxLength} characters`,
    schema.default === undefined ? undefined : `by default ${String(schema.default)}`,
  ].filter((one) => one !== undefined);
  return `- \`${name}\` (${about.join(', ')})${schema.description === undefined ? '' : `: ${schema.description}`}`;
}

/** In the order of their status. */
function errors({ responses }: Described): AuthErrorCode[] {
  const codes = Object.entries(responses)
    .filter(([status]) => Number(status) >= 400)
    .flatMap(([, response]) => (response as { description: string }).description.split(', ') as AuthErrorCode[]);
  return [...new Set(codes)].filter((code) => new AuthError(code).getStatus() >= 400);
}
