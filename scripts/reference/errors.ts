import type { AuthErrorCode } from '../../src/auth/common/errors/auth-error-codes.js';
import { AuthError } from '../../src/auth/common/errors/auth-error.js';
import { PgliteError, type PgliteErrorCode } from '../../src/pglite/errors.js';
import { declaration, documented, type Documented, members } from './docstrings.js';
import { facts, page, rfcLink } from './page.js';
import { errorsOf, routeLink, ROUTES } from './routes.js';

const INTRODUCTION = `Every error of the auth routes and of the guards is JSON: \`{"error": code, "error_description": text}\`
(${rfcLink('RFC 6749 §5.2')}). The code is stable; the text may change. An answer never contains
what the client sent, and never a stack.

In your own code, an error of the library is an \`AuthError\` with \`code\`, \`getStatus()\` and \`headers\`. A guarded route of your own answers
with the codes for access tokens: \`unauthorized\`, \`invalid_token\`, \`token_expired\`, \`token_revoked\` and \`token_stale\`.`;

const OF_CONFIGURATION = `An option is missing, unknown or invalid. The application does not start. \`AuthConfigurationError\` names the option and what to write
instead.

- What to do: correct the option.`;

const OF_CLIENT = `The client rejects with an \`AuthClientError\`. Its \`code\` is a code of the server, or one of these. \`status\` is the HTTP status, if there
was an answer. \`retryAfter\` is in milliseconds.`;

const OF_PGLITE = 'The embedded database throws a `PgliteError`. Errors of PostgreSQL itself are as from `pg`.';

/** `docs/reference/errors.md`. */
export function errorsPage(): Promise<string> {
  return page('Errors', INTRODUCTION, [
    '## Errors of the routes and guards',
    ...members('src/auth/common/errors/auth-error-codes.ts', 'ERRORS').flatMap(ofServer),
    '## Errors at startup',
    '### `invalid_configuration`',
    OF_CONFIGURATION,
    '## Errors of the client',
    OF_CLIENT,
    ...ofClient(),
    '## Errors of the embedded database',
    OF_PGLITE,
    ...members('src/pglite/errors.ts', 'ERRORS').flatMap(ofPglite),
  ]);
}

function ofServer({ name, text, tags }: Documented): string[] {
  const code = name as AuthErrorCode;
  const error = new AuthError(code);
  const { error_description: description } = error.getResponse() as { error_description: string };
  const tagged = (tag: string) => tags.find((one) => one.tag === tag)?.text;
  return [
    `### \`${name}\``,
    text,
    // Two lists in a row would be one.
    ...(/^- /m.test(text) ? ['At a glance:'] : []),
    facts({
      Status: statusOf(code),
      Text: `"${description}"`,
      Session: tagged('session'),
      'What to do': tagged('client'),
      Header: tagged('header'),
      Challenge: challengeOf(code),
      Routes: routesWith(code),
      Source: tagged('source') && rfcLink(tagged('source')!),
    }),
  ];
}

/** As a protected resource answers it. */
const atResource = (code: AuthErrorCode) =>
  new AuthError(code, undefined, { maxAge: 300, scope: 'orders:read' }).atResource('Bearer');

function statusOf(code: AuthErrorCode): string {
  const status = new AuthError(code).getStatus();
  const { challenge } = atResource(code);
  const guarded = challenge === undefined ? status : atResource(code).getStatus();
  return status === guarded ? String(status) : `${status}, or ${guarded} on a guarded route`;
}

/** `Bearer` stands for the scheme of the token. */
function challengeOf(code: AuthErrorCode): string | undefined {
  const { challenge } = atResource(code);
  if (challenge === undefined) return undefined;
  return `\`WWW-Authenticate: ${challenge.replace(/"(300|orders:read)"/, '"…"')}\``;
}

function routesWith(code: AuthErrorCode): string | undefined {
  const routes = ROUTES.filter((route) => errorsOf(route).includes(code));
  if (routes.length === 0) return undefined;
  return routes.length === ROUTES.length ? 'all auth routes' : routes.map(routeLink).join(', ');
}

/** The list in the docstring of the error's class. */
function ofClient(): string[] {
  const { text } = documented(declaration('src/client/auth-client-error.ts', 'AuthClientError'));
  const [, ...items] = text.split(/^- (?=`)/m);
  return items.flatMap((item) => {
    const [, code, meaning] = /^`(\w+)`: ([\s\S]*)$/.exec(item)!;
    return [`### \`AuthClientError: ${code}\``, meaning[0].toUpperCase() + meaning.slice(1).trim()];
  });
}

function ofPglite({ name }: Documented): string[] {
  return [`### \`${name}\``, new PgliteError(name as PgliteErrorCode).message];
}
