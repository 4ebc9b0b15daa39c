import type { AuthErrorCode } from '../../src/auth/common/errors/auth-error-codes.js';
import { authOperations, type Described } from '../../src/integrations/openapi/operations.js';

/** One of the auth routes, as the OpenAPI document describes it. */
export interface Route {
  /** For example `post /login`. */
  readonly name: string;
  /** For example `POST /auth/login`. */
  readonly title: string;
  readonly described: Described;
}

export const ROUTES: readonly Route[] = Object.entries(authOperations({ accessToken: 'access', cookie: 'cookie' })).map(
  ([name, described]) => {
    const [method, path] = name.split(' ');
    return { name, title: `${method.toUpperCase()} /auth${path.replace(/\{(\w+)\}/, ':$1')}`, described };
  },
);

/** The codes with which a route answers, in the order of their status. */
export function errorsOf({ described: { responses } }: Route): AuthErrorCode[] {
  const codes = Object.entries(responses)
    .filter(([status]) => Number(status) >= 400)
    .flatMap(([, response]) => (response as { description: string }).description.split(', ') as AuthErrorCode[]);
  return [...new Set(codes)];
}

/** Whether each request needs an access token. */
export function isGuarded({ described: { security = [] } }: Route): boolean {
  return security.length > 0 && security.every((one) => 'access' in one);
}

/** A link to the heading of a route. */
export function routeLink({ title }: Route): string {
  return `[\`${title}\`](http-api.md#${title.toLowerCase().replace(/[/:]/g, '').replaceAll(' ', '-')})`;
}
