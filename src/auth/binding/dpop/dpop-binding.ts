import { equalInConstantTime } from '../../common/crypto/equal-in-constant-time.js';
import type { BindingMethod } from '../binding-method.js';

/** Binds a session to the key of a DPoP proof (RFC 9449 §5). */
export const dpopBinding: BindingMethod = {
  kind: 'dpop',
  provesKey: true,
  isBound: ({ dpopThumbprint }) => dpopThumbprint !== null,
  bind: (_sessionId, _keys, { dpop }) => dpop && { columns: { dpopThumbprint: dpop.thumbprint } },
  holds: ({ dpopThumbprint }, _keys, { dpop }) =>
    dpop !== undefined && equalInConstantTime(dpop.thumbprint, dpopThumbprint!),
};
