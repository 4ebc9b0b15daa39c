import { Injectable } from '@nestjs/common';
import { sha256 } from '../../common/crypto/sha256.js';
import { clientContextOf } from '../../common/request/client-context.js';
import type { HttpRequest } from '../../common/request/http-request.js';
import { AuthEventBus } from '../../events/auth-event-bus.js';
import { BindingConfig } from '../binding-options.js';
import { ForwardedCertificates } from './forwarded-certificates.js';

const LONGEST_HEADER = 32_768;
/** What proxies write if the client has shown no certificate. Between the colons of RFC 9440 there is then nothing. */
const NO_CERTIFICATE = ['', '::'];

/** Finds the client certificate of a request: from its TLS connection, or from the header of a trusted proxy. */
@Injectable()
export class ClientCertificates {
  constructor(
    private readonly forwarded: ForwardedCertificates,
    private readonly events: AuthEventBus,
    private readonly config: BindingConfig,
  ) {}

  /**
   * The TLS handshake has proven that the client holds the key of the certificate. The issuer does not matter here (RFC
   * 8705 §2.2). The header counts only if a trusted proxy sent it. The proxy's own certificate is not the client's.
   *
   * @returns the `x5t#S256`; `undefined` if the request has no client certificate
   */
  thumbprintOf(request: HttpRequest): string | undefined {
    const { trustedProxies } = this.config.tls;
    if (trustedProxies.contains(request.socket?.remoteAddress ?? '')) return this.ofProxy(request);
    const certificate = request.socket?.getPeerCertificate?.()?.raw;
    return certificate && sha256(certificate);
  }

  private ofProxy(request: HttpRequest): string | undefined {
    // Node joins a header that was sent twice in the same way.
    const header = [request.headers[this.config.tls.header] ?? ''].flat().join(', ');
    if (NO_CERTIFICATE.includes(header)) return undefined;
    const thumbprint = header.length > LONGEST_HEADER ? undefined : this.forwarded.thumbprintIn(header);
    if (thumbprint === undefined) {
      const client = clientContextOf(request);
      this.events.publish({ type: 'binding_failed', reason: 'forwarded_certificate', alert: true, ...client });
    }
    return thumbprint;
  }
}
