import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { sha256 } from '../../common/crypto/sha256.js';
import { headerOf, type HttpRequest } from '../../common/request/http-request.js';
import { BindingConfig } from '../binding-options.js';
import { forwardedThumbprint } from './forwarded-certificate.js';

const LONGEST_HEADER = 32_768;

/** Finds the client certificate of a request: from its TLS connection, or from the header of a trusted proxy. */
@Injectable()
export class ClientCertificates {
  /** Thumbprints by header value. A client sends the same certificate with every request, and parsing one is slow. */
  private readonly forwarded = new LRUCache<string, string>({ max: 1000 });

  constructor(private readonly config: BindingConfig) {}

  /**
   * The TLS handshake has proven that the client holds the key of the certificate. The issuer does not matter here (RFC
   * 8705 §2.2).
   *
   * @returns the `x5t#S256`; `undefined` if the request has no client certificate
   */
  thumbprintOf(request: HttpRequest): string | undefined {
    return this.ofProxy(request) ?? this.ofConnection(request);
  }

  /** The header counts only if a trusted proxy sent it. The proxy's own certificate is not the client's. */
  private ofProxy(request: HttpRequest): string | undefined {
    const { trustedProxies, header } = this.config.tls;
    const peer = request.socket?.remoteAddress;
    if (peer === undefined || !trustedProxies.contains(peer)) return undefined;
    const value = headerOf(request, header);
    if (value === undefined || value.length > LONGEST_HEADER) return undefined;
    let thumbprint = this.forwarded.get(value);
    if (thumbprint === undefined) {
      thumbprint = forwardedThumbprint(value);
      this.forwarded.set(value, thumbprint);
    }
    return thumbprint;
  }

  private ofConnection({ socket }: HttpRequest): string | undefined {
    if (this.config.tls.trustedProxies.contains(socket?.remoteAddress ?? '')) return undefined;
    const raw = socket?.getPeerCertificate?.()?.raw;
    return raw && sha256(raw);
  }
}
