import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { sha256 } from '../../common/crypto/sha256.js';
import { headerOf, type HttpRequest } from '../../common/request/http-request.js';
import { BindingConfig } from '../binding-options.js';
import { forwardedThumbprint } from './forwarded-certificate.js';

const LONGEST_HEADER = 32_768;

/** Finds the client certificate of a request: that of its connection, or the one that a trusted proxy names. */
@Injectable()
export class ClientCertificates {
  /** By header. Each client sends its own with every request, and a certificate takes long to read. */
  private readonly forwarded = new LRUCache<string, string>({ max: 1000 });

  constructor(private readonly config: BindingConfig) {}

  /**
   * A client that shows a certificate has proven in the TLS handshake that it has the key. The issuer of the certificate does not matter
   * (RFC 8705 §2.2).
   *
   * @returns the `x5t#S256`; `undefined` without a certificate
   */
  thumbprintOf(request: HttpRequest): string | undefined {
    return this.ofProxy(request) ?? this.ofConnection(request);
  }

  /** The header of anybody else is ignored, and a proxy's own certificate is not its client's. */
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
