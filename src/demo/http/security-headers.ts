import type { IncomingMessage, ServerResponse } from 'node:http';

/** Pages run only their own scripts, connect only to this server, and cannot be framed. */
const EVERYWHERE = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self'",
  'connect-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
};

const POLICY = policyOf({
  ...EVERYWHERE,
  'require-trusted-types-for': "'script'",
  'trusted-types': "'none'",
});

/** Swagger UI contains inline styles and images, and writes HTML. */
const DOCS_POLICY = policyOf({ ...EVERYWHERE, 'style-src': "'self' 'unsafe-inline'", 'img-src': "'self' data:" });
const DOCS = /^\/docs(?![^/?-])/;

const HEADERS: Record<string, string> = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=(), payment=()',
  'Referrer-Policy': 'no-referrer',
  // Browsers ignore it without TLS.
  'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
  'X-Content-Type-Options': 'nosniff',
};

/**
 * Sets the security headers of every response. Use it before `serveDocs`: on Express its routes come before those of
 * modules.
 */
export function securityHeaders(request: IncomingMessage, response: ServerResponse, next: () => void): void {
  for (const name in HEADERS) response.setHeader(name, HEADERS[name]);
  response.setHeader('Content-Security-Policy', DOCS.test(request.url ?? '') ? DOCS_POLICY : POLICY);
  next();
}

function policyOf(sources: Record<string, string>): string {
  return Object.entries(sources)
    .map(([name, allowed]) => `${name} ${allowed}`)
    .join('; ');
}
