import { sameText } from '../../common/crypto/equal-in-constant-time.js';
import type { SessionBinding } from '../session-binding.js';

/** To a TLS client certificate (RFC 8705 §4). */
export const certificateBinding: SessionBinding = {
  kind: 'tls',
  provesKey: true,
  isBound: ({ certificateThumbprint }) => certificateThumbprint !== null,
  bind: (_sessionId, _keys, { certificateThumbprint }) =>
    certificateThumbprint === undefined ? undefined : { columns: { certificateThumbprint } },
  holds: (session, _keys, { certificateThumbprint }) =>
    certificateThumbprint !== undefined && sameText(certificateThumbprint, session.certificateThumbprint!),
};
