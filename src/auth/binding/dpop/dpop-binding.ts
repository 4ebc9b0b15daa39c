import { sameText } from '../../common/crypto/equal-in-constant-time.js';
import type { SessionBinding } from '../session-binding.js';

/** To the key of a DPoP proof (RFC 9449 §5). */
export const dpopBinding: SessionBinding = {
  kind: 'dpop',
  provesKey: true,
  isBound: ({ dpopThumbprint }) => dpopThumbprint !== null,
  bind: (_sessionId, _keys, { dpop }) => dpop && { columns: { dpopThumbprint: dpop.thumbprint } },
  holds: ({ dpopThumbprint }, _keys, { dpop }) => dpop !== undefined && sameText(dpop.thumbprint, dpopThumbprint!),
};
