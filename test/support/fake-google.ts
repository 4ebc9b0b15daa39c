import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterAll, beforeAll } from 'vitest';
import { freePort } from './free-port.js';

export const CLIENT = { id: 'the-client', secret: 'the-secret-of-the-client' };

/**
 * An identity provider with the three routes of Google that a sign-in uses. It runs on 127.0.0.1, so that it is another site
 * than localhost. A user who comes to it presses its button.
 */
export function fakeGoogle() {
  const codes = new Map<string, { challenge: string; redirectUri: string; sub: string }>();
  const google = {
    url: '',
    /** The claim `sub` of the user who is signed in there. */
    sub: 'google-user-1',
    /** The redirect with which a user comes back. */
    consent(asked: URL): URL {
      const code = randomUUID();
      const redirectUri = asked.searchParams.get('redirect_uri')!;
      codes.set(code, { challenge: asked.searchParams.get('code_challenge')!, redirectUri, sub: google.sub });
      const back = new URL(redirectUri);
      back.searchParams.set('code', code);
      back.searchParams.set('state', asked.searchParams.get('state') ?? '');
      return back;
    },
  };
  const tokens = new Map<string, string>();
  const server = createServer((request, response) => void answer(request, response));
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const asked = new URL(request.url!, google.url);
    const json = (status: number, body: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (asked.pathname === '/auth') {
      const back = google.consent(asked).href.replaceAll('&', '&amp;');
      return response.writeHead(200, { 'content-type': 'text/html' }).end(`<a id="allow" href="${back}">Allow</a>`);
    }
    if (asked.pathname === '/token') {
      let text = '';
      for await (const chunk of request) text += String(chunk);
      const body = new URLSearchParams(text);
      const given = codes.get(body.get('code') ?? '');
      codes.delete(body.get('code') ?? '');
      const challenge = createHash('sha256')
        .update(body.get('code_verifier') ?? '')
        .digest('base64url');
      const isRight =
        given?.challenge === challenge &&
        given.redirectUri === body.get('redirect_uri') &&
        body.get('client_id') === CLIENT.id &&
        body.get('client_secret') === CLIENT.secret;
      if (!isRight) return json(400, { error: 'invalid_grant' });
      const access_token = randomUUID();
      tokens.set(access_token, given.sub);
      return json(200, { access_token, token_type: 'Bearer' });
    }
    const token = request.headers.authorization?.replace('Bearer ', '') ?? asked.searchParams.get('access_token')!;
    const sub = tokens.get(token);
    return sub === undefined ? json(401, { error: 'invalid_token' }) : json(200, { sub });
  }
  beforeAll(async () => {
    const port = await freePort();
    google.url = `http://127.0.0.1:${port}`;
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  return google;
}
