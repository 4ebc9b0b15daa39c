import type { HttpResponse } from '../common/request/http-request.js';

/**
 * Adds `Set-Cookie` headers without replacing the application's. Fastify's `header` adds them; Express's would replace
 * them.
 */
export function appendCookies(response: HttpResponse & { append?: HttpResponse['header'] }, cookies: string[]): void {
  if (response.append) response.append('Set-Cookie', cookies);
  else response.header('Set-Cookie', cookies);
}
