import type { HttpResponse } from '../common/request/http-request.js';

/** Adds `Set-Cookie` headers to those that the host has set. Fastify adds them by itself; Express would replace them. */
export function appendCookies(response: HttpResponse & { append?: HttpResponse['header'] }, cookies: string[]): void {
  if (response.append) response.append('Set-Cookie', cookies);
  else response.header('Set-Cookie', cookies);
}
