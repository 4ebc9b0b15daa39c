import { randomUUID } from 'node:crypto';
import type { INestApplication, INestApplicationContext } from '@nestjs/common';
import type { BindingEvidence } from '../../auth/binding/binding-evidence.js';
import { BindingConfig } from '../../auth/binding/binding-options.js';
import { DpopNonces } from '../../auth/binding/dpop/dpop-nonces.js';
import type { ClientContext } from '../../auth/common/request/client-context.js';
import type { HttpRequest } from '../../auth/common/request/http-request.js';
import { Clock } from '../../auth/common/time/clock.js';
import { CookieConfig } from '../../auth/cookie/cookie-options.js';
import type { Registered } from '../../auth/modules/auth-module-registry.js';
import { RefreshTokenService } from '../../auth/refresh-token/refresh-token.service.js';
import type { IssuedTokens } from '../../auth/session/issued-tokens.js';
import { KeptCookies } from './kept-cookies.js';
import type { Supertest, SupertestAgent, SupertestRequest } from './load-supertest.js';
import type { ProofKey } from './proof-key.js';
import type { SignedIn } from './signed-in.js';

/** The request of a client that has no cookies yet. */
const FIRST_REQUEST = { headers: {} } as HttpRequest;

/** What `signedIn` returns. */
export class SignedInClient implements SignedIn {
  private issued: IssuedTokens;
  private readonly cookies = new KeptCookies();
  private supertestAgent: SupertestAgent | undefined;

  constructor(
    private readonly app: INestApplicationContext,
    private readonly module: Registered,
    private readonly supertest: Supertest | undefined,
    private readonly client: ClientContext,
    private readonly key: ProofKey | undefined,
  ) {}

  get tokens(): IssuedTokens {
    return this.issued;
  }

  get accessToken(): string {
    return this.issued.accessToken;
  }

  get refreshToken(): string {
    const { refreshToken, transport } = this.issued;
    return (transport === 'cookie' && this.cookies.get(this.cookieConfig.name)) || refreshToken;
  }

  get sessionId(): string {
    return this.issued.sessionId;
  }

  get cookie(): string | undefined {
    return this.cookies.header;
  }

  get headers(): Record<string, string> {
    if (this.key)
      throw new TypeError(
        'The session is bound to a key. Use agent, fetch, or headersFor(method, url) instead of headers.',
      );
    const { nonceAtResources } = this.module.service(BindingConfig);
    const cookie = nonceAtResources ? this.cookies.header : undefined;
    return { authorization: `Bearer ${this.accessToken}`, ...(cookie !== undefined && { cookie }) };
  }

  headersFor(method: string, url: string): Record<string, string> {
    if (!this.key) return this.headers;
    const { accessToken } = this;
    const [now, nonce] = [this.now(), this.module.service(DpopNonces).current()];
    const { publicUrl } = this.module.service(BindingConfig).dpop;
    const known = publicUrl === undefined ? url : publicUrl.replace(/\/$/, '') + new URL(url).pathname;
    const dpop = this.key.proof({ method, url: known, accessToken, now, nonce });
    return { authorization: `DPoP ${accessToken}`, dpop };
  }

  get agent(): SupertestAgent {
    this.supertestAgent ??= this.makeAgent();
    return this.supertestAgent;
  }

  readonly fetch = async (path: string | URL, init: RequestInit = {}): Promise<Response> => {
    const base = await this.listeningUrl();
    const url = new URL(path, base);
    if (url.origin !== new URL(base).origin)
      throw new TypeError(
        `fetch of signedIn calls the application at ${base} only. Give it a path, for example '/orders'.`,
      );
    const headers = new Headers(init.headers);
    for (const [name, value] of Object.entries(this.requestHeaders(init.method ?? 'GET', url.href))) {
      if (!headers.has(name)) headers.set(name, value);
    }
    const response = await fetch(url, { ...init, headers });
    this.cookies.update(response.headers.getSetCookie());
    return response;
  };

  async refresh(): Promise<IssuedTokens> {
    const { refreshToken, client } = this;
    return this.adopt(await this.service.refresh(refreshToken, client, this.evidence()));
  }

  async signOut(): Promise<void> {
    await this.service.revoke(this.sessionId, 'logout', this.client);
  }

  /** Uses these tokens from now on. */
  adopt(issued: IssuedTokens): IssuedTokens {
    this.issued = issued;
    if (issued.transport === 'cookie') this.cookies.update(this.module.cookie.setCookies(issued, FIRST_REQUEST));
    return issued;
  }

  /** What proves that a call of the service comes from this client. */
  evidence(): BindingEvidence {
    const { clientNonce, transport } = (this.issued as IssuedTokens | undefined) ?? {};
    const { proofLifetime: lifetime } = this.module.service(BindingConfig).dpop;
    const { thumbprint } = this.key ?? {};
    return {
      ...(thumbprint !== undefined && { dpop: { thumbprint, id: randomUUID(), issuedAt: this.now(), lifetime } }),
      ...(clientNonce !== undefined && { clientNonce: { [transport!]: clientNonce } }),
    };
  }

  private makeAgent(): SupertestAgent {
    if (!this.supertest) throw new TypeError('agent needs the package supertest: npm install --save-dev supertest');
    const server: unknown = (this.app as Partial<INestApplication>).getHttpServer?.();
    if (!server) throw new TypeError('agent needs an application with an HTTP server: createNestApplication().');
    const agent = this.supertest.agent(server as never);
    // The jar of the agent does not send `Secure` cookies over plain HTTP.
    agent.use((request: SupertestRequest) => {
      void request.set(this.requestHeaders(request.method, request.url));
      request.on('response', ({ headers }: { headers: Record<string, string[] | undefined> }) =>
        this.cookies.update(headers['set-cookie']),
      );
    });
    return agent;
  }

  private requestHeaders(method: string, url: string): Record<string, string> {
    const cookie = this.cookies.header;
    return { ...this.headersFor(method, url), ...(cookie !== undefined && { cookie }) };
  }

  private async listeningUrl(): Promise<string> {
    const app = this.app as Partial<INestApplication>;
    const isListening = (app.getHttpServer?.() as { listening?: boolean } | undefined)?.listening;
    if (isListening) return app.getUrl!();
    throw new TypeError('fetch needs an application that listens. Call await app.listen(0) first, or use agent.');
  }

  private now(): number {
    return this.module.service(Clock).now();
  }

  private get service(): RefreshTokenService {
    return this.module.service(RefreshTokenService);
  }

  private get cookieConfig(): CookieConfig {
    return this.module.service(CookieConfig);
  }
}
