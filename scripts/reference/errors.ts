import { AuthError, type AuthErrorCode } from '../../src/auth/common/errors/auth-error.js';
import { type Documented, members } from './docstrings.js';
import { facts, page } from './page.js';

const INTRODUCTION = `Every error of the auth routes and of the guards is JSON: \`{"error": code, "error_description": text}\`
([RFC 6749 §5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)). The code is stable; the text may change. An answer never contains
what the client sent, and never a stack.

In your own code, an error of the library is an \`AuthError\` with \`code\`, \`getStatus()\` and \`headers\`.`;

const OF_CONFIGURATION = `## Errors at startup

### \`invalid_configuration\`

An option is missing, unknown or invalid. The application does not start. \`AuthConfigurationError\` names the option and what to write
instead. The client throws an \`AuthClientError\` with the same code.

- What to do: correct the option.`;

const OF_CLIENT = `## Errors of the client

An \`AuthClientError\` has the \`code\` of the server, or one of these:

- \`temporarily_unavailable\`: there was no answer, or a 429 or 5xx. The session lives. \`retryAfter\` has milliseconds, if the server sent
  \`Retry-After\`.
- \`invalid_configuration\`: an option is invalid. The message says what to write.`;

const OF_PGLITE = `## Errors of the embedded database

A \`PgliteError\` has one of these codes: \`pglite_data_dir\` (an invalid \`dataDir\`), \`pglite_missing\` (the package
\`@electric-sql/pglite\` is not installed), \`pglite_locked\` (another process has the folder open), \`pglite_busy\` (a query waited too long
for the only connection).`;

/** `docs/reference/errors.md`. */
export function errorsPage(): Promise<string> {
  const errors = members('src/auth/common/errors/auth-error.ts', 'ERRORS');
  return page('Errors', INTRODUCTION, [
    '## Errors of the routes and guards',
    ...errors.flatMap(section),
    OF_CONFIGURATION,
    OF_CLIENT,
    OF_PGLITE,
  ]);
}

function section({ name, text, tags }: Documented): string[] {
  const error = new AuthError(name as AuthErrorCode);
  const { error_description: description } = error.getResponse() as { error_description: string };
  return [
    `### \`${name}\``,
    text,
    facts({
      Status: String(error.getStatus()),
      Text: `"${description}"`,
      'What to do': tags.find(({ tag }) => tag === 'client')?.text,
    }),
  ];
}
