import { equalInConstantTime } from '../../common/crypto/equal-in-constant-time.js';
import type { BindingMethod } from '../binding-method.js';

/** Binds a session to a TLS client certificate (RFC 8705 §4). */
export const certificateBinding: BindingMethod = {
  kind: 'tls',
  provesKey: true,
  isBound: ({ certificateThumbprint }) => certificateThumbprint !== null,
  bind: (_sessionId, _keys, { certificateThumbprint }) =>
    certificateThumbprint === undefined ? undefined : { columns: { certificateThumbprint } },
  holds: (session, _keys, { certificateThumbprint }) =>
    certificateThumbprint !== undefined && equalInConstantTime(certificateThumbprint, session.certificateThumbprint!),
};
